import { assert, assertEquals } from "@std/assert";
import { cohort } from "../../../dsl/cohort.ts";
import type { OptimizerSpec } from "../../../dsl/spec.ts";
import { ffsd } from "../../../methods/ffsd.ts";
import type { Numbers } from "../../../runtime/backend/backend.ts";
import { assertClose, compileTiny, feed, inSession, plain, stateOf, tiny } from "../fixtures.ts";

/** What an optimizer keeps of one parameter. */
interface Slots {
  v: number[];
  m: number[];
  t: number;
}

/** PyTorch's documented update of one parameter, written out anew. */
function update(
  spec: OptimizerSpec,
  w: readonly number[],
  gradient: readonly number[],
  rate: number,
  slots: Slots,
): number[] {
  const g = gradient.map((x, i) => x + spec.weightDecay * w[i]!);
  if (spec.kind === "adam") {
    slots.t += 1;
    slots.m = g.map((x, i) => spec.beta1 * (slots.m[i] ?? 0) + (1 - spec.beta1) * x);
    slots.v = g.map((x, i) => spec.beta2 * (slots.v[i] ?? 0) + (1 - spec.beta2) * x * x);
    const [c1, c2] = [1 - spec.beta1 ** slots.t, 1 - spec.beta2 ** slots.t];
    return w.map((x, i) => x - rate / c1 * slots.m[i]! / (Math.sqrt(slots.v[i]!) / Math.sqrt(c2) + spec.epsilon));
  }
  if (spec.momentum === 0) return w.map((x, i) => x - rate * g[i]!);
  // PyTorch starts the buffer at the first gradient; from zero that is the same.
  slots.v = g.map((x, i) => (slots.v.length === 0 ? x : spec.momentum * slots.v[i]! + x));
  const direction = spec.nesterov ? g.map((x, i) => x + spec.momentum * slots.v[i]!) : slots.v;
  return w.map((x, i) => x - rate * direction[i]!);
}

const cases: Readonly<Record<string, Partial<OptimizerSpec>>> = {
  "plain SGD": { momentum: 0, nesterov: false, weightDecay: 0 },
  "SGD with weight decay": { momentum: 0, nesterov: false, weightDecay: 0.05 },
  "SGD with momentum": { momentum: 0.8, nesterov: false, weightDecay: 0 },
  "SGD with Nesterov's momentum and weight decay": { momentum: 0.9, nesterov: true, weightDecay: 1e-2 },
  "Adam": { kind: "adam", weightDecay: 0 },
  "Adam with weight decay in the gradient and its own constants": {
    kind: "adam",
    weightDecay: 0.1,
    beta1: 0.5,
    beta2: 0.9,
    epsilon: 1e-3,
  },
};

for (const [name, optimizer] of Object.entries(cases)) {
  Deno.test(`${name} moves every parameter as PyTorch's formula does over five steps`, async () => {
    const compiled = compileTiny(cohort(plain, 2).mutual(), { debug: true, train: { optimizer } });
    const spec = compiled.optimizers.peer0!;
    await inSession(compiled, async (session) => {
      const parameters = compiled.parameters.filter(({ kind }) => kind === "parameter").map((entry) => entry.name);
      const slots = new Map(parameters.map((name): [string, Slots] => [name, { v: [], m: [], t: 0 }]));
      for (let step = 0; step < 5; step++) {
        const rate = [0.1, 0.1, 0.05, 0, 0.2][step]!;
        const before = await stateOf(session);
        await session.step(feed(compiled, { seed: step, rate }));
        const expected: Record<string, Numbers> = {};
        for (const name of parameters) {
          const gradient = Array.from(await session.readStep(`gradient/${name}`));
          expected[name] = Float64Array.from(update(spec, Array.from(before[name]!), gradient, rate, slots.get(name)!));
        }
        const found = await stateOf(session);
        const moved = Object.fromEntries(parameters.map((name) => [name, found[name]!]));
        assertClose(moved, expected, 1e-13, `step ${step}:`); // the formulas round in another order
      }
    });
  });
}

Deno.test("optimizers keep the slots they need and no others", () => {
  const slots = (optimizer: Partial<OptimizerSpec>): string[] => {
    const { state } = compileTiny(cohort(plain, 2).mutual(), { train: { optimizer } });
    return state.filter(({ name }) => name.startsWith("peer0/fc.bias#")).map(({ name, shape }) => `${name} [${shape}]`);
  };
  assertEquals(slots({ momentum: 0 }), []);
  assertEquals(slots({}), ["peer0/fc.bias#velocity [3]"]);
  const adam = ["peer0/fc.bias#first [3]", "peer0/fc.bias#second [3]", "peer0/fc.bias#step []"];
  assertEquals(slots({ kind: "adam" }), adam);
});

Deno.test("optimizers: a parameter with zero gradient still decays, one that nobody needs is left alone", async () => {
  const compiled = compileTiny(cohort(plain, 2).mutual(), { train: { optimizer: { momentum: 0, weightDecay: 0.5 } } });
  const given = feed(compiled, { rate: 0.1 });
  const silent = { ...given, weights: Object.fromEntries(Object.keys(given.weights).map((name) => [name, 0])) };
  await inSession(compiled, async (session) => {
    const before = await session.read("peer0/fc.weight");
    await session.step(silent);
    const expected = before.map((w) => w - 0.1 * 0.5 * w);
    assertClose({ w: await session.read("peer0/fc.weight") }, { w: expected }, 1e-15);
  });
});

Deno.test("optimizers of groups: FFSD's six, with their kinds, rates and decays", () => {
  const { optimizers } = compileTiny(cohort(tiny, 3).leader().use(ffsd()));
  const table = Object.entries(optimizers).map(([group, o]) => [group, o.kind, o.learningRate, o.weightDecay]);
  assertEquals(table, [
    ["peer0", "sgd", 0.1, 1e-4],
    ["peer1", "sgd", 0.1, 1e-4],
    ["fusion", "sgd", 0.1, 1e-5],
    ["leader", "sgd", 0.1, 1e-4],
    ["sd1", "adam", 1e-3, 1e-4],
    ["sd_leader", "adam", 1e-3, 1e-4],
  ]);
});

Deno.test("train({ groups }) goes before what a method asks of a group", () => {
  const groups = { sd1: { learningRate: 0.5 }, peer0: { kind: "adam", learningRate: 0.01 } } as const;
  const { optimizers, step } = compileTiny(cohort(tiny, 3).leader().use(ffsd()), { train: { groups } });
  assertEquals([optimizers.sd1!.kind, optimizers.sd1!.learningRate], ["adam", 0.5]);
  assertEquals([optimizers.peer0!.kind, optimizers.peer1!.kind], ["adam", "sgd"]);
  assert(step.segments.find(({ name }) => name === "update peer0")!.effects.every(({ kind }) => kind === "adam"));
});
