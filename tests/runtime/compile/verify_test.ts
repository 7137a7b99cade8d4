import { assertThrows } from "@std/assert";
import { cohort, teacher } from "../../../dsl/cohort.ts";
import { VerificationError } from "../../../dsl/errors.ts";
import { type LossGraph, mergeGraphs } from "../../../dsl/graph.ts";
import { crossEntropy } from "../../../dsl/losses.ts";
import { logits, measured } from "../../../dsl/value.ts";
import { at } from "../../../methods/at.ts";
import { kd } from "../../../methods/kd.ts";
import { sakd } from "../../../methods/sakd.ts";
import type { Compiled } from "../../../runtime/compile/compile.ts";
import type { Plan } from "../../../runtime/compile/resolve.ts";
import { verify, verifyGraph, verifyPlan } from "../../../runtime/compile/verify.ts";
import type { Node, Primitive, Shape } from "../../../runtime/ir/node.ts";
import type { Effect, Segment, StepProgram } from "../../../runtime/ir/program.ts";
import { hasRuledShape, shapeRules } from "../../../runtime/ir/shapes.ts";
import { compileTiny, tiny, written } from "../fixtures.ts";

const graph = cohort(tiny, 2).mutual().lower();
const compiled = compileTiny(cohort(tiny, 2).mutual());
const { step, plan } = compiled;

function refuseGraph(change: Partial<LossGraph>, rule: string): void {
  assertThrows(
    () => verifyGraph({ ...graph, ...change }),
    VerificationError,
    `Cannot compile the loss graph: ${rule}. This is a defect of the method that wrote it; please report it.`,
  );
}

function refusePlan(change: Partial<Plan>, rule: string): void {
  assertThrows(
    () => verifyPlan({ ...plan, ...change }),
    VerificationError,
    `Cannot use the plan: ${rule}. This is a defect of the compiler; please report it.`,
  );
}

function refuse(broken: Partial<StepProgram>, rule: string, from: Compiled = compiled): void {
  assertThrows(
    () => verify({ ...from.step, ...broken }, from.plan),
    VerificationError,
    `Cannot run training step: ${rule}. This is a defect of the compiler; please report it.`,
  );
}

/** The segments with one changed. */
function withSegment(index: number, change: (segment: Segment) => Partial<Segment>, from = step): Partial<StepProgram> {
  return { segments: from.segments.map((s, i) => (i === index ? { ...s, ...change(s) } : s)) };
}

/** The nodes with one changed. */
function withNode(id: number, change: object): Partial<StepProgram> {
  return { nodes: step.nodes.with(id, { ...step.nodes[id]!, ...change } as Node) };
}

Deno.test("verifyGraph() refuses terms without learner, of one name, or of no finite weight", () => {
  verifyGraph(graph);
  const [first, ...rest] = graph.terms;
  const term = first!;
  refuseGraph({ terms: [{ ...term, learners: [] }, ...rest] }, "term peer0/ce has no learner");
  refuseGraph({ terms: [{ ...term, learners: ["peer0", "peer0"] }, ...rest] }, "term peer0/ce names peer0 twice");
  refuseGraph({ terms: [term, term, ...rest] }, "two terms are called peer0/ce");
  refuseGraph({ terms: [{ ...term, weight: NaN }, ...rest] }, "the weight of term peer0/ce is NaN");
});

Deno.test("verifyGraph() refuses a group that updates twice, pauses twice, or pauses without learning", () => {
  const when = measured("gate");
  refuseGraph({ phases: [["peer0"], ["peer1", "peer0"]] }, "peer0 updates twice in one step");
  refuseGraph({ switches: [{ pauses: "peer0", when }, { pauses: "peer0", when }] }, "peer0 pauses on two conditions");
  refuseGraph({ switches: [{ pauses: "fusion", when }] }, "fusion pauses, but learns from no term");
});

Deno.test("verifyPlan() refuses modules that nothing or the wrong group updates", () => {
  verifyPlan(plan);
  const [first, second] = plan.groups;
  refusePlan({ groups: [first!] }, "peer1 learns, but no group updates it");
  refusePlan(
    { groups: [{ ...first!, modules: ["peer0", "peer1"] }, second!] },
    "peer1 belongs to peer1, but another group updates it",
  );
  refusePlan({ groups: [first!, second!, second!] }, "group peer1 updates twice in one step");
  refusePlan({ groups: [first!, { ...second!, phase: 1 }] }, "group peer1 updates outside its phase");
  refusePlan({ modules: [...plan.modules, plan.modules[0]!] }, "two nets or modules are called peer0");
});

Deno.test("verifyPlan() refuses shapes that are no sizes of the batch, and state of another net", () => {
  const spots = (shape: Shape): Partial<Plan> => ({
    spots: { ...plan.spots, peer0: { ...plan.spots.peer0, layer1: shape } },
  });
  refusePlan(spots([4, 2, 6, 6]), "peer0 at layer1 has the shape [4,2,6,6]");
  refusePlan(spots([5, 2, 0, 6]), "peer0 at layer1 has the shape [5,2,0,6]");
  refusePlan({ state: { ...plan.state, peer0: plan.state.peer1! } }, "peer0 declares peer1/conv1.weight");
  const twice = [...plan.state.peer0!, plan.state.peer0![0]!];
  refusePlan({ state: { ...plan.state, peer0: twice } }, "peer0/conv1.weight is declared twice");
});

Deno.test("verify() refuses nodes out of place and nodes of another shape than their rule gives", () => {
  verify(step, plan);
  const conv = step.nodes.find(({ op }) => op === "conv2d")!;
  refuse(withNode(conv.id, { id: 7777 }), `node ${conv.id} is called 7777`);
  refuse(withNode(conv.id, { inputs: [conv.id, conv.inputs[1]] }), `node ${conv.id} reads a later node`);
  refuse(
    withNode(conv.id, { shape: [5, 2, 6, 5] }),
    `node ${conv.id} (conv2d) is [5,2,6,5], which its inputs do not give`,
  );
});

Deno.test("verify() refuses inputs that no earlier segment produced", () => {
  const [forward, update] = [step.segments[0]!, step.segments[1]!];
  const lost = forward.nodes[0]!;
  const reader = step.nodes.find((node) => node.inputs.includes(lost))!;
  refuse(
    withSegment(0, (segment) => ({ nodes: segment.nodes.filter((id) => id !== lost) })),
    `node ${reader.id} of forward reads node ${lost}, which may not have run`,
  );
  const swapped = { segments: [update, forward, ...step.segments.slice(2)] };
  const early = update.nodes.find((id) => step.nodes[id]!.inputs.some((source) => forward.nodes.includes(source)))!;
  const source = step.nodes[early]!.inputs.find((id) => forward.nodes.includes(id))!;
  refuse(swapped, `node ${early} of update peer0 reads node ${source}, which may not have run`);
  refuse({ outputs: { ...step.outputs, lost: step.nodes.length } }, "output lost is never computed");
});

Deno.test("verify() refuses a segment that reads what a skipped one computes, and gates that are no number", () => {
  const terms = ["a", "b"].map((id) => ({
    name: `${id}/ce`,
    learners: [id],
    loss: crossEntropy(logits({ id, view: 0 })),
    weight: 1,
  }));
  const switched = compileTiny(
    written(["a", "b"], mergeGraphs([{ terms, switches: [{ pauses: "a", when: measured("gate") }] }])),
  );
  const [, a, b] = switched.step.segments;
  const effect = b!.effects[0]!;
  const foreign = a!.effects.map((e) => (e as { readonly gradient: number }).gradient)[0]!;
  refuse(
    withSegment(2, () => ({ effects: [{ ...effect, gradient: foreign } as Effect] }), switched.step),
    `b/conv1.weight is written from node ${foreign}, which may not have run`,
    switched,
  );
  refuse(
    withSegment(1, () => ({ gate: foreign }), switched.step),
    "the gate of update a is no number computed before",
    switched,
  );
  const map = switched.step.nodes.find(({ op }) => op === "conv2d")!.id;
  refuse(
    withSegment(1, () => ({ gate: map }), switched.step),
    "the gate of update a is no number computed before",
    switched,
  );
});

Deno.test("verify() refuses a second update of one parameter in a step", () => {
  const { effects } = step.segments[1]!;
  refuse(
    withSegment(1, () => ({ effects: [...effects, effects[0]!] })),
    "peer0/conv1.weight is updated twice in one step",
  );
});

Deno.test("verify() refuses an update of a net that learns from no term", () => {
  const frozen = compileTiny(teacher(tiny).student(tiny).use(kd()));
  const effects = frozen.step.segments[1]!.effects;
  const update = { ...effects[0]!, parameter: "teacher/conv1.weight" } as Effect;
  refuse(
    withSegment(1, () => ({ effects: [...effects, update] }), frozen.step),
    "teacher/conv1.weight is updated, but its net learns from no term",
    frozen,
  );
});

Deno.test("verify() refuses a gradient that comes from a term of other learners", () => {
  const [own, other] = [step.segments[1]!, step.segments[2]!];
  const foreign = { ...other.effects[0]!, parameter: "peer0/conv1.weight" } as Effect;
  const rest = own.effects.slice(1);
  const moved = {
    segments: [step.segments[0]!, { ...own, effects: rest }, { ...other, effects: [...other.effects, foreign] }],
  };
  refuse(moved, "peer0/conv1.weight is updated from term peer1/ce, from which peer0 does not learn");
});

Deno.test("verify() refuses a reader that would see state after it changed", () => {
  const [forward, update] = [step.segments[0]!, step.segments[1]!];
  const late = forward.nodes.findLast((id) =>
    step.nodes[id]!.inputs.some((source) => step.nodes[source]!.op === "buffer")
  )!;
  const assign = forward.effects.find((effect) => effect.kind === "assign" && effect.node === late)!;
  const before = { ...forward, effects: [assign] };
  const again: Segment = { name: "again", nodes: [late], effects: [] };
  const name = assign.kind === "assign" ? assign.state : "";
  refuse(
    { segments: [before, again, update, ...step.segments.slice(2)] },
    `again reads ${name} after it changed, as the value it had before`,
  );
});

Deno.test("verify() refuses state that is not declared or of another shape", () => {
  const name = "peer0/conv1.weight";
  refuse({ state: step.state.filter((entry) => entry.name !== name) }, `state ${name} is read but not declared`);
  const mean = "peer0/bn1.running_mean";
  const effects = step.segments[0]!.effects;
  refuse(
    withSegment(0, () => ({ effects: [{ ...effects[0]!, state: "peer0/nothing" } as Effect] })),
    "state peer0/nothing is written but not declared",
  );
  const wider = step.state.map((entry) => (entry.name === mean ? { ...entry, shape: [9] } : entry));
  refuse({ state: wider }, `${mean} is written with another shape`);
});

Deno.test("verify() refuses sub-batches that meet the batch, and segments over another number of samples", () => {
  const routed = compileTiny(teacher(tiny).student(tiny).use(sakd(at())));
  const { nodes, segments } = routed.step;
  const inside = segments.findIndex(({ count }) => count !== undefined);
  const { name, count, nodes: ids } = segments[inside]!;
  const strangers = (change: Partial<Segment>): Partial<StepProgram> => ({
    segments: segments.with(inside, { ...segments[inside]!, ...change }),
  });
  const other = segments.find((segment) => segment.count !== undefined && segment.count !== count)!.count!;
  refuse(strangers({ count: other }), `node ${ids[0]} of ${name} runs over the samples of another segment`, routed);
  const behind = nodes.findIndex(({ op, rows }) => op !== "compact" && rows === count);
  refuse(
    { nodes: nodes.with(behind, { ...nodes[behind]!, rows: other } as Node) },
    `node ${behind} (${nodes[behind]!.op}) reads node ${
      nodes[behind]!.inputs.find((id) => nodes[id]!.batch.length > 0)
    }, of another batch`,
    routed,
  );
  const late = segments.at(-1)!.nodes.find((id) => nodes[id]!.shape.length === 0);
  const wide = nodes.findIndex(({ shape }) => shape.length > 0);
  refuse(strangers({ count: late ?? wide }), `the count of ${name} is no number computed before`, routed);
});

/** One node of each primitive with inputs that contradict it. */
const contradictions: {
  readonly [P in Exclude<Primitive, "parameter" | "buffer" | "input" | "constant">]: {
    readonly attrs: object;
    readonly shape: Shape;
    readonly inputs: readonly Shape[];
  };
} = {
  uniform: { attrs: {}, shape: [1], inputs: [] },
  elementwise: { attrs: {}, shape: [2, 3], inputs: [[2, 2]] },
  sum: { attrs: { axes: [1] }, shape: [2], inputs: [[2, 3]] },
  reduceMax: { attrs: { axes: [1] }, shape: [2, 3], inputs: [[2, 3]] },
  matmul: { attrs: { transposeA: false, transposeB: false }, shape: [2, 2], inputs: [[2, 3], [2, 2]] },
  conv2d: {
    attrs: { stride: [1, 1], pad: [0, 0], groups: 2 },
    shape: [1, 2, 1, 1],
    inputs: [[1, 3, 1, 1], [2, 1, 1, 1]],
  },
  conv2dInput: {
    attrs: { stride: [1, 1], pad: [0, 0], groups: 1, size: [3, 3] },
    shape: [1, 2, 3, 3],
    inputs: [[1, 4, 2, 2], [4, 2, 1, 1]],
  },
  conv2dFilter: {
    attrs: { stride: [1, 1], pad: [0, 0], groups: 1, kernel: [1, 1] },
    shape: [4, 2, 1, 1],
    inputs: [[1, 2, 3, 3], [1, 4, 2, 2]],
  },
  averagePool: { attrs: { kernel: [2, 2], stride: [2, 2], pad: [0, 0] }, shape: [1, 1, 2, 3], inputs: [[1, 1, 4, 4]] },
  maxPool: { attrs: { kernel: [2, 2], stride: [2, 2], pad: [0, 0] }, shape: [1, 1, 2, 3], inputs: [[1, 1, 4, 4]] },
  averagePoolInput: {
    attrs: { kernel: [2, 2], stride: [2, 2], pad: [0, 0], size: [6, 4] },
    shape: [1, 1, 6, 4],
    inputs: [[1, 1, 2, 2]],
  },
  maxPoolInput: {
    attrs: { kernel: [2, 2], stride: [2, 2], pad: [0, 0] },
    shape: [1, 1, 4, 4],
    inputs: [[1, 1, 4, 4], [1, 1, 3, 2]],
  },
  batchStats: { attrs: {}, shape: [2, 4], inputs: [[5, 3, 2, 2]] },
  batchNorm: { attrs: {}, shape: [5, 3], inputs: [[5, 3], [2, 3], [3], [2]] },
  batchNormSums: { attrs: {}, shape: [2, 3], inputs: [[5, 3], [4, 3], [2, 3]] },
  batchNormInput: { attrs: {}, shape: [5, 3], inputs: [[5, 3], [5, 3], [2, 3], [3], [2, 2]] },
  oneHot: { attrs: { classes: 3 }, shape: [5, 4], inputs: [[5]] },
  kthSmallest: { attrs: { k: 4 }, shape: [5, 1], inputs: [[5, 3]] },
  weigh: { attrs: { members: 2, rule: "simplex", per: "batch" }, shape: [1, 2], inputs: [[5, 6], [5, 4]] },
  gatherDot: { attrs: {}, shape: [5, 3], inputs: [[9, 4], [5, 3], [5, 2]] },
  gatherSum: { attrs: {}, shape: [5, 4], inputs: [[9, 4], [5, 3], [5, 2]] },
  concat: { attrs: { axis: 1 }, shape: [2, 4], inputs: [[2, 2], [3, 2]] },
  slice: { attrs: { axis: 1, start: 2, size: 2 }, shape: [2, 2], inputs: [[2, 3]] },
  padAxis: { attrs: { axis: 1, before: 1, after: 1 }, shape: [2, 4], inputs: [[2, 3]] },
  reshape: { attrs: {}, shape: [2, 4], inputs: [[2, 3]] },
  permute: { attrs: { axes: [0, 0] }, shape: [2, 2], inputs: [[2, 3]] },
  compact: { attrs: {}, shape: [4, 3], inputs: [[4, 3], [3], []] },
  expand: { attrs: {}, shape: [4, 3], inputs: [[4, 3], [4, 1]] },
};

for (const [op, { attrs, shape, inputs }] of Object.entries(contradictions)) {
  Deno.test(`shapeRules.${op} refuses a shape that its inputs do not give`, () => {
    const node = { id: 0, op, inputs: inputs.map((_, i) => i), attrs, shape, batch: [] } as unknown as Node;
    if (hasRuledShape(node, inputs)) throw new Error(`[${shape}] was accepted from [${inputs.join("] [")}]`);
  });
}

Deno.test("shapeRules are closed over all primitives, and leaves may have any shape", () => {
  const leaves = ["parameter", "buffer", "input", "constant"];
  const named = [...Object.keys(contradictions), ...leaves].sort();
  if (named.join() !== Object.keys(shapeRules).sort().join()) throw new Error(`rules and cases differ: ${named}`);
});
