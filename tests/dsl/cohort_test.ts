import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  cohort,
  type Dataset,
  kl,
  logits,
  method,
  mobilenet_v2,
  OptionError,
  resnet110,
  resnet20,
  resnet32,
  resnet8,
  SentenceError,
  solo,
  teacher,
  term,
  topology,
  withClasses,
} from "../../dsl/mod.ts";

const ten: Dataset<10> = {
  kind: "ten",
  name: "Ten",
  classes: 10,
  shape: [1, 8, 8],
  options: { folder: "data" },
  open: () => Promise.reject(new Error("no files")),
};

Deno.test("cohort() in words, with a count and as a list say the same", () => {
  const words = cohort("resnet8×2");
  assertEquals(words.spec, cohort(resnet8, 2).spec);
  assertEquals(words.spec, cohort([resnet8, resnet8]).spec);
  assertEquals(words.spec.nets.map(({ id, role }) => [id, role]), [["peer0", "peer"], ["peer1", "peer"]]);
});

Deno.test("leader() promotes the last member, so that ×3 is two common students and a leader", () => {
  const { nets } = cohort("resnet8×3").leader().spec;
  assertEquals(nets.map(({ id, role }) => [id, role]), [["peer0", "peer"], ["peer1", "peer"], ["leader", "leader"]]);
});

Deno.test("leader() may have another architecture, and the old one is forgotten where nobody has it any more", () => {
  const pipeline = cohort([resnet8, resnet20]).leader(resnet32, { temperature: 3 });
  assertEquals(pipeline.spec.nets.map(({ arch }) => arch), ["resnet8", "resnet32"]);
  assertEquals(Object.keys(pipeline.archs), ["resnet8", "resnet32"]);
  assertEquals(pipeline.spec.clauses, [{ verb: "leader", options: { temperature: 3 } }]);
});

Deno.test("solo() is one student that learns from the labels alone", () => {
  const pipeline = solo(resnet8);
  assertEquals(pipeline.spec.nets, [{ id: "student", arch: "resnet8", role: "student", view: 0 }]);
  assertEquals(pipeline.lower().terms.map(({ name }) => name), ["student/ce"]);
});

Deno.test("every verb returns a new frozen pipeline and leaves the one before as it was", () => {
  const before = cohort(resnet8, 3);
  const text = JSON.stringify(before.spec);
  const after = before.leader().fuse().views("each").train({ epochs: 1 }).on(ten);
  assertEquals(JSON.stringify(before.spec), text);
  for (const value of [after, after.spec, after.spec.nets, after.spec.nets[0], after.spec.clauses[0]!.options]) {
    assert(Object.isFrozen(value));
  }
  assert(Object.isFrozen(after.spec.train?.optimizer));
  assert(!("then" in after));
});

Deno.test("a spec is JSON: it survives being written and read", () => {
  const { spec } = cohort(resnet8, 3).leader().fuse({ weight: 5 }).selfDistill().on(ten).train({ epochs: 2 });
  assertEquals(JSON.parse(JSON.stringify(spec)), spec);
  assertEquals(spec.dataset, { kind: "ten", options: { folder: "data" } });
});

Deno.test('views("each") gives every member a view of its own, "shared" takes it back', () => {
  const each = cohort([resnet110, resnet32]).views("each");
  assertEquals(each.spec.nets.map(({ view }) => view), [0, 1]);
  assertEquals(each.views("shared").spec, cohort([resnet110, resnet32]).spec);
  assertEquals(each.lower().terms.map(({ loss }) => loss.of[0]!.attrs["view"]), [0, 1]);
});

Deno.test("use() records the method's identity and options, and keeps its value", () => {
  const mine = method("mine", { strength: 2 }, { needs: { peer: [] }, version: 3 }, () => ({}));
  const pipeline = cohort(resnet8, 2).use(mine);
  assertEquals(pipeline.spec.clauses, [
    { verb: "use", method: { kind: "method", name: "mine", version: 3 }, options: { strength: 2 } },
  ]);
  assertEquals(pipeline.methods, [mine]);
});

Deno.test("loss() records its terms as JSON, and they are lowered beside the labels", () => {
  const pipeline = cohort(resnet8, 2).loss(({ peers: [a, b] }) => [
    term("peer1/mimic", ["peer1"], kl(logits(b!), logits(a!)), 0.5),
  ]);
  assertEquals(pipeline.lower().terms.map(({ name, weight }) => [name, weight]), [
    ["peer0/ce", 1],
    ["peer1/ce", 1],
    ["peer1/mimic", 0.5],
  ]);
  assertEquals(JSON.parse(JSON.stringify(pipeline.spec)), pipeline.spec);
});

Deno.test("loss() comes after leader(), which renames a net", () => {
  const early = cohort(resnet8, 2).loss(() => []);
  assertThrows(() => early.leader(), SentenceError, "it renames the last member");
});

Deno.test("a name stands for one architecture", () => {
  const message = 'a name stands for one architecture, got two called "resnet8": rename one';
  assertThrows(() => teacher(withClasses(resnet8, 10)).student(resnet8), SentenceError, message);
  teacher(withClasses(resnet8, 10)).student(withClasses(resnet8, 10));
});

Deno.test("an option that a verb does not have, or outside its range, is refused at the verb", () => {
  const pipeline = cohort(resnet8, 3).leader();
  assertThrows(
    () => pipeline.fuse({ wieght: 3 } as never),
    OptionError,
    'Cannot say fuse(): it has no option "wieght". Did you mean "weight"?',
  );
  assertThrows(() => pipeline.mutual({ temperature: 0 }), OptionError, "its temperature is a finite number above 0");
  assertThrows(() => pipeline.mutual({ temperature: NaN }), OptionError, "got NaN");
  assertThrows(() => cohort(resnet8, 2).ensemble("best" as never), OptionError, "its target is one of naive");
  assertThrows(() => pipeline.views("own" as never), OptionError, 'they are "each" or "shared", got "own"');
});

Deno.test("a size that is no whole number of at least two is refused at run time", () => {
  for (const size of [0, -1, 2.5, NaN]) {
    assertThrows(() => cohort(resnet8, size as number), SentenceError, "a cohort has at least two members");
  }
});

Deno.test("topology() gives roles by name, by who is paused and by who only teaches", () => {
  const roles = (pipeline: { readonly spec: { readonly nets: readonly { id: string; role: string }[] } }) =>
    Object.fromEntries(pipeline.spec.nets.map(({ id, role }) => [id, role]));
  const three = topology({ t1: resnet32, t2: resnet20, s: mobilenet_v2 });
  const wired = three.teach("t1 <-> s", "t2 <-> s", "t1 <-> t2");
  assertEquals(roles(wired), { t1: "peer", t2: "peer", s: "peer" });
  assertEquals(roles(wired.switch("t1", "t2")), { t1: "teacher", t2: "teacher", s: "student" });
  assertEquals(roles(three.teach("t1 -> t2", "t2 -> s")), { t1: "teacher", t2: "student", s: "student" });
  assertEquals(roles(topology({ leader: resnet8, peer1: resnet8, x: resnet8 })), {
    leader: "leader",
    peer1: "peer",
    x: "peer",
  });
});

Deno.test("teach() takes no edge of the leader, which learns from all its peers", () => {
  const nets = topology({ peer0: resnet8, peer1: resnet8, leader: resnet8 });
  assertThrows(() => nets.teach("peer0 -> leader"), SentenceError, "the leader learns from all its peers");
});

Deno.test("leader() promotes no net that teach() wired", () => {
  const wired = topology({ a: resnet8, b: resnet8 }).teach("a <-> b");
  assertThrows(() => wired.leader(), SentenceError, 'it promotes "b", which has edges: name that net leader instead');
});
