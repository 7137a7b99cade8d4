import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import {
  cohort,
  type LossGraph,
  type Member,
  type Method,
  method,
  OptionError,
  parseSpec,
  resnet14,
  resnet8,
  SentenceError,
  teacher,
  topology,
  type Watch,
} from "../../dsl/mod.ts";
import { attentionLoss, attentionMap, term } from "../../dsl/losses.ts";
import { stop, tap, type Value } from "../../dsl/value.ts";
import { at, cc, crd, fitnet, ft, kd, nst, pkt, rkd, sakd, type SakdOptions, sp, vid } from "../../methods/mod.ts";
import { builtins } from "../../mod.ts";
import { synthetic } from "../../datasets/synthetic.ts";
import { fit, type FitResult } from "../../runtime/train/fit.ts";
import type { Snapshot } from "../../runtime/train/snapshot.ts";
import { initialValues } from "../../runtime/train/init.ts";
import type { StepFeed } from "../../runtime/train/session.ts";
import { changed, compileTiny, feed, inSession, type Sentence, stateOf, tiny, train } from "../runtime/fixtures.ts";
import { crossEntropy, divergence, mean, type Row, rows } from "./arithmetic.ts";
import { assertGolden, learns, reach } from "./fixtures.ts";

const said = teacher(resnet14).student(resnet8).use(sakd(at()));

Deno.test("sakd() routes the terms of its distiller and adds the divergence and the agent's", () => {
  const graph = said.lower();
  assertEquals(learns(graph, "agent"), ["agent/graft", "agent/half"]);
  assertEquals(learns(graph, "student"), [
    "student/ce",
    "student/at_layer1",
    "student/at_layer2",
    "student/at_layer3",
    "student/sakd_kl",
  ]);
  assertEquals([learns(graph, "teacher"), graph.phases], [[], [["agent", "student"]]]);
  assertEquals(graph.aux.map(({ id, group }) => `${group}: ${id}`), [
    "agent: policy",
    ...[0, 1, 2].flatMap((i) => [`agent: to_teacher${i}`, `agent: to_student${i}`]),
  ]);
  for (const { name, loss } of graph.terms.slice(3)) {
    assertEquals(reach(loss), { cut: ["policy", "teacher"], open: ["student"] }, name);
  }
  assertGolden("sakd_at", graph);
  assertGolden("sakd_rkd_random", teacher(resnet14).student(resnet8).use(sakd(rkd(), { variant: "random" })).lower());
});

Deno.test("sakd() says spot usage at every spot", () => {
  const names = said.lower().watches.map(({ name }) => name);
  assertEquals(names, ["layer1", "layer2", "layer3", "logits"].map((spot) => `student/usage_${spot}`));
});

Deno.test("sakd() has the agent learn at half the rate, with the released weight decay", () => {
  const { optimizers } = compileTiny(tinySaid(at()), {
    train: { optimizer: { learningRate: 0.05, weightDecay: 5e-4 } },
  });
  assertEquals([optimizers["agent"]!.learningRate, optimizers["agent"]!.weightDecay], [0.025, 1e-3]);
  assertEquals([optimizers["student"]!.learningRate, optimizers["student"]!.weightDecay], [0.05, 5e-4]);
});

Deno.test("sakd() gives gradient to agent and student, to nothing of the teacher", () => {
  for (const distiller of [at(), rkd(), sp(), fitnet(), crd({ negatives: 2, width: 4 })] as Method[]) {
    const compiled = compileTiny(tinySaid(distiller), { debug: true });
    const gradients = Object.keys(compiled.step.outputs).flatMap((name) =>
      name.startsWith("gradient/") ? [name.slice(9)] : []
    );
    const trained = compiled.parameters.filter(({ kind, name }) =>
      kind === "parameter" && !name.startsWith("teacher/")
    );
    assertEquals(gradients.sort(), trained.map(({ name }) => name).sort());
    const groups = new Set(compiled.step.segments.flatMap(({ effects, name }) => (effects.length > 0 ? [name] : [])));
    assertEquals([...groups].filter((name) => name.startsWith("update")), ["update agent", "update student"]);
  }
});

/** A tiny sentence. */
function tinySaid(distiller: Method, options: SakdOptions = {}): Sentence {
  const sentence = teacher(tiny).student(tiny).use(routing(distiller, options));
  return { spec: sentence.spec, archs: sentence.archs, lower: () => sentence.lower() };
}

function routing(distiller: Method, options: SakdOptions = {}): Method {
  return sakd(distiller as Method<never, string>, options) as Method;
}

/** Noise that decides: `chosen[j]` lists the samples that gate j sends to the teacher, whatever the policy says. */
function deciding(given: StepFeed, chosen: readonly (readonly number[])[], name = "uniform/route"): StepFeed {
  const [yes, no] = name.startsWith("uniform") ? [1 - 1e-7, 1e-30] : [1, -1];
  const numbers = Array.from(
    { length: given.count },
    (_, b) => chosen.flatMap((samples) => (samples.includes(b) ? [yes, no] : [no, yes])),
  );
  return { ...given, inputs: { ...given.inputs, [`noise/${name}`]: Float32Array.from(numbers.flat()) } };
}

interface Step {
  readonly terms: Readonly<Record<string, number>>;
  readonly out: (name: string) => Row[];
  readonly labels: Uint16Array;
}

async function step(sentence: Sentence, watches: readonly Watch[], to: (given: StepFeed) => StepFeed): Promise<Step> {
  const graph: LossGraph = { ...sentence.lower(), watches };
  const compiled = compileTiny({ ...sentence, lower: () => graph });
  const drawn = feed(compiled);
  const given = to({ ...drawn, weights: Object.fromEntries(Object.keys(drawn.weights).map((name) => [name, 1])) });
  return await inSession(compiled, async (session) => {
    const { terms } = await session.step(given);
    const outputs = new Map<string, Row[]>();
    for (const output of Object.keys(compiled.step.outputs)) {
      if (output.startsWith("term/")) continue;
      const values = await session.readStep(output);
      outputs.set(output, rows(values, values.length === 1 ? 1 : given.count));
    }
    return { terms, out: (name) => outputs.get(name)!, labels: given.labels };
  });
}

/** The leaf of a value that passes a test. */
function found(value: Value, test: (value: Value) => boolean): Value | undefined {
  return test(value) ? value : value.of.map((source) => found(source, test)).find((hit) => hit !== undefined);
}

/** Class scores of a net in a value. */
function scoresOf(value: Value, net: string): Value {
  return found(value, ({ op, attrs }) => op === "run" && attrs["net"] === net && attrs["to"] === "logits")!;
}

const chosen = [[0, 2], [], [4], [1, 3]];

Deno.test("sakd(at()) is CE + n/B · AT on the samples chosen + n/B · T² · KL on theirs, computed by hand", async () => {
  const sentence = tinySaid(at() as Method);
  const graph = sentence.lower();
  const terms = graph.terms.filter(({ name }) => name.startsWith("student/at"));
  const maps = terms.flatMap(({ loss }, i) =>
    (["student", "teacher"] as const).map((net): Watch => ({
      name: `${net}${i}`,
      value: found(loss, ({ op, attrs }) => op === "run" && attrs["net"] === net && attrs["to"] === `layer${i + 1}`)!,
    }))
  );
  const frozen = scoresOf(graph.terms.at(-1)!.loss, "teacher");
  const watches = [...maps, { name: "teacher", value: frozen }];
  const { terms: ours, out, labels } = await step(sentence, watches, (given) => deciding(given, chosen));
  assertAlmostEquals(ours["student/ce"]!, crossEntropy(out("logits/student"), labels), 1e-10);
  terms.forEach(({ name }, i) => {
    const [channelsOfTiny, side] = [[2, 3, 4][i]!, [6, 3, 2][i]!];
    const attention = (map: Row): number[] => {
      const area = side * side;
      const q = Array.from({ length: area }, (_, p) => {
        let total = 0;
        for (let c = 0; c < channelsOfTiny; c++) total += map[c * area + p]! ** 2;
        return total / channelsOfTiny;
      });
      const norm = Math.sqrt(q.reduce((sum, x) => sum + x * x, 0));
      return q.map((x) => x / norm);
    };
    const each = chosen[i]!.map((b) => {
      const [s, t] = ["student", "teacher"].map((net) => attention(out(`watch/${net}${i}`)[b]!));
      return mean(s!.map((x, p) => (x - t![p]!) ** 2));
    });
    assertAlmostEquals(ours[name]!, each.reduce((sum, x) => sum + x, 0) / 5, 1e-10, name);
  });
  const of = (name: string): Row[] => chosen[3]!.map((b) => out(name)[b]!);
  const kl = 16 * divergence(of("logits/student"), of("watch/teacher"), 4);
  assertAlmostEquals(ours["student/sakd_kl"]!, 2 / 5 * kl, 1e-9);
});

Deno.test("sakd()'s agent learns the routed scores' cross-entropy by the γ rule, and half of the batch", async () => {
  for (const gamma of [0.5, 1, 2, 3]) {
    const sentence = tinySaid(at() as Method, { gamma });
    const grafted = found(sentence.lower().terms[0]!.loss, ({ op }) => op === "crossEntropy")!.of[0]!;
    const watches = [{ name: "graft", value: grafted }];
    const { terms, out, labels } = await step(sentence, watches, (given) => deciding(given, chosen));
    const alone = crossEntropy(out("logits/student"), labels);
    let expected = crossEntropy(out("watch/graft"), labels);
    if (expected > alone) expected *= gamma;
    if (expected < alone) expected /= gamma;
    assertAlmostEquals(terms["agent/graft"]!, expected, 1e-9);
    assertAlmostEquals(terms["agent/half"]!, 0.5, 1e-9);
  }
  const more = [[], [], [], [0, 1, 2]];
  const { terms } = await step(tinySaid(at() as Method), [], (given) => deciding(given, more));
  assertEquals(terms["agent/half"], 0);
});

Deno.test("sakd()'s routed scores are the teacher's where all goes to the teacher, the student's where nothing does", async () => {
  const sentence = tinySaid(at() as Method);
  const grafted = found(sentence.lower().terms[0]!.loss, ({ op }) => op === "crossEntropy")!.of[0]!;
  const frozen = scoresOf(sentence.lower().terms.at(-1)!.loss, "teacher");
  const settled: Value = { ...frozen, attrs: { ...frozen.attrs, net: "student", mode: "settled" } };
  const watches = [
    { name: "graft", value: grafted },
    { name: "teacher", value: frozen },
    { name: "student", value: settled },
  ];
  for (const [who, samples] of [["teacher", [0, 1, 2, 3, 4]], ["student", []]] as const) {
    const { out } = await step(sentence, watches, (given) => deciding(given, [samples, samples, samples, samples]));
    out("watch/graft").forEach((row, b) =>
      row.forEach((x, k) => assertAlmostEquals(x, out(`watch/${who}`)[b]![k]!, 1e-9, `${who} ${b} ${k}`))
    );
  }
});

Deno.test("sakd() is finite for none, one, two and all samples, over every distiller", async () => {
  const distillers = [
    at(),
    sp(),
    rkd(),
    fitnet(),
    crd({ negatives: 3, width: 4 }),
    cc({ width: 4 }),
    pkt(),
    nst(),
    vid(),
    ft(),
  ] as Method[];
  for (const distiller of distillers) {
    const sentence = tinySaid(distiller);
    const compiled = compileTiny(sentence);
    const gates = sentence.lower().watches.length;
    for (const samples of [[], [2], [1, 3], [0, 1, 2, 3, 4]]) {
      await inSession(compiled, async (session) => {
        const drawn = feed(compiled);
        const positions = { index: Float32Array.from([0, 1, 2, 3, 4]), "negatives/3": new Float32Array(15).fill(7) };
        const given = deciding({ ...drawn, inputs: positions }, Array.from({ length: gates }, () => samples));
        const { terms } = await session.step(given);
        const what = `${distiller.name}() on ${samples.length}`;
        for (const [name, value] of Object.entries(terms)) assert(Number.isFinite(value), `${what}: ${name} ${value}`);
        for (const [name, values] of Object.entries(await stateOf(session))) {
          assert(Float64Array.from(values).every(Number.isFinite), `${what}: ${name}`);
        }
        const routed = Object.entries(terms).filter(([name]) => /^student\/(?!ce)/.test(name));
        if (samples.length === 0) assertEquals(routed.map(([, value]) => value), routed.map(() => 0), what);
      });
    }
  }
});

Deno.test("sakd(crd()) renews the memories of the samples chosen alone", async () => {
  const compiled = compileTiny(tinySaid(crd({ negatives: 3, width: 4 }) as Method));
  await inSession(compiled, async (session) => {
    const positions = { index: Float32Array.from([5, 6, 7, 8, 9]), "negatives/3": new Float32Array(15).fill(1) };
    const before = await stateOf(session);
    await session.step(deciding({ ...feed(compiled), inputs: positions }, [[1, 3], []]));
    const after = await stateOf(session);
    const memory = changed(before, after).filter((name) => name.startsWith("state/") && !name.includes("/z_"));
    assertEquals(memory.length, 2);
    for (const name of memory) {
      const moved = new Set<number>();
      after[name]!.forEach((x, i) => x !== before[name]![i] && moved.add(Math.floor(i / 4)));
      assertEquals([...moved].sort(), [6, 8]);
    }
  });
});

Deno.test("the reverse of sakd() distils where the policy says not to, its random one where chance says", async () => {
  const usage = async (variant: "adaptive" | "reverse"): Promise<number[]> => {
    const sentence = tinySaid(at() as Method, { variant });
    const { watches } = sentence.lower();
    const { out } = await step(sentence, watches, (given) => deciding(given, chosen));
    return watches.map(({ name }) => out(`watch/${name}`)[0]![0]!);
  };
  assertEquals(await usage("adaptive"), [0.4, 0, 0.2, 0.4]);
  assertEquals(await usage("reverse"), [0.6, 1, 0.8, 0.6]);
  const random = tinySaid(at() as Method, { variant: "random", gamma: 3 });
  const graph = random.lower();
  assertEquals([graph.aux, graph.phases], [[], [["student"]]]);
  assertEquals(graph.terms.find(({ name }) => name === "student/ce")!.weight, 3);
  const { out } = await step(random, graph.watches, (given) => deciding(given, chosen, "normal/route"));
  assertEquals(graph.watches.map(({ name }) => out(`watch/${name}`)[0]![0]!), [0.4, 0, 0.2, 0.4]);
  const released = tinySaid(at() as Method, { variant: "random", asReleased: true });
  const drawn = await step(
    released,
    released.lower().watches,
    (given) => deciding(given, chosen.slice(0, 3), "normal/route"),
  );
  assertEquals(drawn.out("watch/student/usage_logits")[0]![0]!, 0.2);
});

Deno.test("homo raises the biases of distilling by ten", () => {
  const bias = (homo: boolean): Float32Array => {
    const { parameters } = compileTiny(tinySaid(rkd() as Method, { homo }));
    return initialValues(parameters.find(({ name }) => name === "policy/net.bias")!, 3);
  };
  const [low, high] = [bias(false), bias(true)];
  low.forEach((x, i) => assertAlmostEquals(high[i]! - x, i % 2 === 0 ? 10 : 0, 1e-6));
});

Deno.test("sakd() routes each pair of nets by a policy of its own", () => {
  const { terms, phases, aux } = topology({ a: resnet14, b: resnet14, s: resnet8 }).teach("a -> s", "b -> s")
    .use(sakd(sp())).lower();
  assertEquals(phases, [["agent_s_a", "agent_s_b", "s"]]);
  assertEquals(aux.filter(({ id }) => id.startsWith("policy")).length, 2);
  assertEquals(terms.filter(({ name }) => name.includes("sakd_kl")).map(({ name }) => name), [
    "s/sakd_kl_s_a",
    "s/sakd_kl_s_b",
  ]);
});

/** Attention of two peers, each the other's teacher. */
const peerAttention = method("peer_attention", {}, { needs: { peer: [] }, routes: ["deepest"] }, ({ peers }) => ({
  terms: peers.flatMap((student: Member) =>
    peers.filter((other) => other !== student).map((other) => {
      const spot = student.spots.at(-1)!;
      const [own, target] = [attentionMap(tap(student, spot)), stop(attentionMap(tap(other, spot)))];
      return { ...term(`${student.id}/attention_${other.id}`, [student.id], attentionLoss(own, target)), spot };
    })
  ),
}));

Deno.test("sakd() routes between online peers, whose nets settle both", async () => {
  const sentence = cohort(tiny, 2).use(sakd(peerAttention));
  const graph = sentence.lower();
  assertEquals(graph.phases, [["agent_peer0", "agent_peer1", "peer0", "peer1"]]);
  const modes = new Set<unknown>();
  const visit = (value: Value): void => {
    if (value.op === "run" && /^peer/.test(String(value.attrs["net"]))) modes.add(value.attrs["mode"]);
    value.of.forEach(visit);
  };
  visit(graph.terms.find(({ name }) => name === "agent_peer0/graft")!.loss);
  assertEquals([...modes].sort(), ["settled", "train"]);
  const compiled = compileTiny({ spec: sentence.spec, archs: sentence.archs, lower: () => graph });
  await inSession(compiled, async (session) => {
    const before = await stateOf(session);
    for (let i = 0; i < 3; i++) await session.step(feed(compiled, { seed: i + 1 }));
    const after = await stateOf(session);
    for (const net of ["peer0", "peer1", "policy_peer0", "policy_peer1"]) {
      assert(changed(before, after).some((name) => name.startsWith(`${net}/`)), net);
    }
  });
});

Deno.test("a spec of sakd() is read again with its distiller", () => {
  const sentence = teacher(resnet14).student(resnet8).use(sakd(sp({ weight: 7 }), { gamma: 2, homo: true }));
  assertEquals(parseSpec(JSON.stringify(sentence.spec), builtins).spec, sentence.spec);
});

Deno.test("sakd() refuses options out of range, methods without spots, and terms that compare nothing", () => {
  assertThrows(() => sakd(at(), { gamma: 0 }), OptionError, "Cannot say sakd(): its gamma is a finite number above 0");
  assertThrows(() => sakd(at(), { variant: "best" as never }), OptionError, "its variant is one of adaptive, reverse");
  assertThrows(
    () => sakd(kd() as never),
    SentenceError,
    "this method has no spots to route: choose one that works at spots",
  );
  const quiet = method("quiet", {}, { needs: { student: [] }, routes: ["layer1"] }, () => ({ terms: [] }));
  assertThrows(
    () => teacher(resnet14).student(resnet8).use(sakd(quiet)).lower(),
    SentenceError,
    "Cannot lower sakd(quiet()): this method has no spots to route",
  );
  const lone = method("lone", {}, { needs: { student: [] }, routes: ["layer1"] }, ({ students: [student] }) => ({
    terms: [{
      ...term("student/lone", ["student"], attentionLoss(tap(student!, "layer1"), tap(student!, "layer1"))),
      spot: "layer1",
    }],
  }));
  assertThrows(
    () => teacher(resnet14).student(resnet8).use(sakd(lone)).lower(),
    SentenceError,
    "Cannot lower sakd(lone()): a term at a spot compares its learner with one other net, got student/lone over student.",
  );
});

Deno.test("sakd() resumes to the same bits, since its noise depends on the step alone", async () => {
  const compiled = compileTiny(tinySaid(at() as Method), { batch: 4 });
  const setting = train({ batch: 4, train: { epochs: 2 } });
  const data = await synthetic({ classes: 3, shape: [3, 6, 6], train: 14, test: 4 }).open();
  const run = (resume?: Snapshot, stopAfter = Infinity): Promise<FitResult> => {
    const stop = new AbortController();
    let steps = 0;
    return inSession(compiled, (session) =>
      fit({
        session,
        data,
        train: setting,
        signal: stop.signal,
        report: ({ kind }) => void (kind === "step" && ++steps === stopAfter && stop.abort()),
        ...(resume === undefined ? {} : { resume }),
      }));
  };
  const whole = await run();
  const first = await run(undefined, 3);
  const rest = await run(first.snapshot);
  assertEquals(rest.snapshot.tensors, whole.snapshot.tensors);
});
