import { assertEquals, assertThrows } from "@std/assert";
import {
  type AnyPipeline,
  branches,
  cohort,
  type Dataset,
  defineArch,
  kl,
  logits,
  MissingRoleError,
  parseSpec,
  resnet110,
  resnet20,
  resnet32,
  resnet8,
  SentenceError,
  solo,
  teacher,
  term,
  topology,
  UnknownNameError,
  UnknownSpotError,
  type Values,
} from "../../dsl/mod.ts";
import { ffsd, kd } from "../../methods/mod.ts";

const own = defineArch("own", resnet8.stages, { spots: resnet8.spots });
const folder = (options: { readonly path: string }): Dataset => ({
  kind: "folder",
  name: "A folder",
  classes: undefined,
  shape: undefined,
  options,
  open: () => Promise.reject(new Error("no files")),
});
const values: Values = { methods: { ffsd, kd: kd() }, datasets: { folder }, archs: { own } };

const sentences: Readonly<Record<string, AnyPipeline>> = {
  "FFSD": cohort("resnet32×3").leader().fuse({ at: "layer3" }).selfDistill({ who: "peers" }).train({ epochs: 3 }),
  "a leader of another architecture": cohort(resnet8, 3).leader(resnet20),
  "an ablation": cohort(resnet8, 3).leader().fuse().selfDistill().diversify("l2", { weight: 1e-4 }),
  "a method made by a function": cohort(own, 3).leader().use(ffsd({ fusion: "logits" })),
  "a method and a dataset": teacher(resnet110).student(resnet20).use(kd()).on(folder({ path: "images" })),
  "views, ensemble": cohort([resnet110, resnet32]).views("each").ensemble("linear", { temperature: 3 }),
  "SwitOKD": teacher(resnet20).student(resnet8).mutual().switch({ asReleased: true }),
  "a topology": topology({ t1: resnet20, t2: resnet32, s: resnet8 }).teach("t1 <-> s", "t2 -> s").switch("t1", "t2"),
  "a topology with a leader": topology({ peer0: resnet8, peer1: resnet8, leader: resnet8 }).fuse(),
  "branches": branches(resnet8, 3, { from: "layer2", rescale: true }),
  "branches with a leader of their own": branches(resnet8, 3, { from: "layer2" }).leader({ temperature: 3 }),
  "branches with a leader outside": branches(resnet8, 3, { from: "layer2" }).leader(resnet20),
  "branches with a leader of their architecture outside": branches(resnet8, 3, { from: "layer2" }).leader(resnet8),
  "a net alone": solo(own),
  "terms of one's own": cohort(resnet8, 2).loss(({ peers: [a, b] }) => [
    term("peer1/mimic", ["peer1"], kl(logits(b!), logits(a!)), 0.1),
  ]),
};

for (const [name, pipeline] of Object.entries(sentences)) {
  Deno.test(`parseSpec() gives back the pipeline of ${name}`, () => {
    for (const json of [JSON.stringify(pipeline.spec), JSON.parse(JSON.stringify(pipeline.spec)), pipeline.spec]) {
      const back = parseSpec(json, values);
      assertEquals(back.spec, pipeline.spec);
      assertEquals(Object.keys(back.archs), Object.keys(pipeline.archs));
      assertEquals(back.explain().text, (pipeline as typeof back).explain().text);
    }
  });
}

const { spec } = cohort("resnet8×3").leader().fuse();
const changed = (change: object): unknown => ({ ...JSON.parse(JSON.stringify(spec)), ...change });
const refused = (json: unknown, mistake: new (message: string) => Error, message: string) =>
  assertThrows(() => parseSpec(json, values), mistake, message);

Deno.test("parseSpec() names what was not passed, with the closest known name", () => {
  const nets = spec.nets.map((net) => ({ ...net, arch: "resnet9" }));
  refused(changed({ nets }), UnknownNameError, 'nets[0].arch names a known architecture, got "resnet9". Did you mean');
  refused(changed({ clauses: [{ verb: "lead", options: {} }] }), UnknownNameError, 'Did you mean "leader"?');
  const use = { verb: "use", method: { kind: "method", name: "ffds", version: 1 }, options: {} };
  refused(changed({ clauses: [use] }), UnknownNameError, 'names a known method, got "ffds". Did you mean "ffsd"?');
  refused(changed({ dataset: { kind: "cifar", options: {} } }), UnknownNameError, "dataset.kind names a known dataset");
});

Deno.test("parseSpec() names the path of a bad field", () => {
  refused("{", SentenceError, "Cannot read the spec: it is JSON");
  refused(null, SentenceError, "spec is an object, got null");
  refused(changed({ version: 2 }), SentenceError, "version is 1 here, got 2");
  refused(changed({ nets: 3 }), SentenceError, "spec.nets is a list, got 3");
  refused(changed({ nets: [{ ...spec.nets[0], role: "boss" }] }), SentenceError, "spec.nets[0].role is one of leader");
  refused(changed({ nets: [{ id: "a", arch: "resnet8", role: "peer" }] }), SentenceError, "spec.nets[0].view is there");
  refused(changed({ edges: [["a"]] }), SentenceError, "spec.edges[0] is a pair of names");
  refused(changed({ clauses: [{ verb: "leader" }] }), SentenceError, "spec.clauses[0].options is there, got nothing");
  refused(changed({ extra: 1 }), SentenceError, "spec.extra is one of version, nets, edges, clauses");
  refused(changed({ train: { epochs: 1 } }), SentenceError, "spec.train.batch is there, got nothing");
});

Deno.test("parseSpec() refuses what the sentence would refuse, in its words", () => {
  const [leader, fuse] = spec.clauses;
  const peers = spec.nets.map((net, i) => ({ ...net, id: `peer${i}`, role: "peer" }));
  refused(changed({ nets: peers, clauses: [fuse] }), MissingRoleError, "fuse() teaches the leader: say leader() first");
  refused(changed({ clauses: [leader, leader] }), SentenceError, "leader() was already said: a cohort has one leader");
  refused(changed({ clauses: [leader, { verb: "fuse", options: { at: "layr3" } }] }), UnknownSpotError, "layer3");
  refused(changed({ edges: [["peer0", "x"]] }), UnknownNameError, "no edge 'peer0 -> x'");
  refused(changed({ nets: [spec.nets[0], spec.nets[0]] }), SentenceError, 'got "peer0" twice');
});

Deno.test("parseSpec() refuses nets that no sentence has", () => {
  const nets = spec.nets.map((net) => net.role === "leader" ? { ...net, id: "chief" } : net);
  refused(changed({ nets }), SentenceError, "no sentence says its nets");
});

Deno.test("parseSpec() refuses a method of other options or version", () => {
  const text = JSON.stringify(teacher(resnet20).student(resnet8).use(kd({ temperature: 2 })).spec);
  refused(text, SentenceError, "Pass the method the spec was made with.");
});
