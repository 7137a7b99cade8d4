import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import {
  add,
  checkMethod,
  type CheckMethodOptions,
  cohort,
  div,
  exp,
  kl,
  log,
  logits,
  type LossGraph,
  maximum,
  meanAll,
  measured,
  type Method,
  method,
  type MethodRule,
  mul,
  OptionError,
  type Site,
  stop,
  sub,
  supervision,
  synthetic,
  teacher,
  term,
  type Value,
} from "../../mod.ts";
import { apart, differing } from "../../runtime/check/numbers.ts";
import { tiny } from "../runtime/fixtures.ts";

/** A method called `broken`, which says all that its nets learn. */
function broken(lower: (site: Site) => Partial<LossGraph>, needs: Method["needs"] = { peer: [] }): Method {
  return method("broken", {}, { needs }, lower);
}

/** Every peer learns its labels, and this. */
function besides(loss: (own: Value<"logits">) => Value<"scalar">): Method {
  return broken(({ peers }) => ({
    terms: peers.flatMap((peer) => [supervision(peer), term(`${peer.id}/more`, [peer.id], loss(logits(peer)))]),
  }));
}

/** What is wrong with a method of two peers, by rule. */
async function wrongs(value: Method, options: CheckMethodOptions = {}): Promise<Partial<Record<MethodRule, string>>> {
  const findings = await checkMethod(cohort(tiny, 2).use(value), { shape: [3, 6, 6], ...options });
  return Object.fromEntries(findings.filter(({ ok }) => !ok).map(({ rule, detail }) => [rule, detail]));
}

Deno.test("checkMethod() finds a method that is no frozen JSON", async () => {
  const { lower } = besides(meanAll);
  const open = { kind: "method", name: "open", version: 1, options: {}, needs: {}, routes: [], lower } as const;
  assertEquals(await wrongs(open), {
    data: "open(): the method and its options are frozen, got some that can change",
  });
  const odd = Object.freeze({ ...open, name: "two words", version: 0.5 });
  assertStringIncludes(
    (await wrongs(odd)).data!,
    'letters, digits, - and _, got "two words"; two words(): its version',
  );
});

Deno.test("method() freezes all that it records, and refuses options that are no JSON", () => {
  const { options, needs } = method("deep", { at: ["layer1"] }, { needs: { peer: ["layer1"] } }, () => ({}));
  for (const value of [options, options["at"], needs, needs.peer]) assert(Object.isFrozen(value));
  assertThrows(
    () => method("odd", { weight: NaN }, { needs: {} }, () => ({})),
    OptionError,
    "Cannot record odd().weight: a sentence holds JSON only, got NaN. Pass a plain value.",
  );
});

Deno.test("checkMethod() finds a lower() that gives another graph each time", async () => {
  let calls = 0;
  const { pure } = await wrongs(broken(({ peers }) => ({ terms: peers.map((peer) => supervision(peer, ++calls)) })));
  assertEquals(pure, "broken(): lower() gives the same graph each time, got two");
});

Deno.test("checkMethod() finds a graph that JSON changes", async () => {
  const lost = await wrongs(broken(({ peers }) => ({
    terms: peers.map((peer) => ({ ...supervision(peer), spot: undefined } as unknown as ReturnType<typeof term>)),
  })));
  assertStringIncludes(lost.pure!, "broken(): its graph is JSON, got something in it that JSON changes");
});

Deno.test("checkMethod() finds a weight that the options do not record", async () => {
  const leaky = (weight: number): Method =>
    broken(({ peers }) => ({ terms: peers.map((p) => supervision(p, weight)) }));
  assertEquals(await wrongs(leaky(2)), {});
  assertEquals(await wrongs(leaky(2), { methods: { broken: () => leaky(1) } }), {
    spec: "the spec read again gives the same loss graph, got another one",
  });
});

Deno.test("checkMethod() finds a learner that no gradient reaches", async () => {
  const cut = await wrongs(broken(({ peers: [a, b] }) => ({
    terms: [supervision(a!), term("peer1/cut", ["peer1"], kl(stop(logits(b!)), logits(a!)))],
  })));
  assertStringIncludes(cut.compiles!, "Cannot train peer1: some term that it learns from depends on its parameters");
  const none = await wrongs(broken(({ peers: [a, b] }) => ({
    terms: [supervision(a!), term("peer1/nothing", ["peer1"], meanAll(maximum(logits(b!), 1e6)))],
  })));
  assertEquals(none.gradient, "peer1 learns, but gets no gradient");
});

Deno.test("checkMethod() finds a net that moves though nobody teaches it", async () => {
  const restless = broken(({ students: [student], teachers: [other] }) => ({
    terms: [
      supervision(student!),
      term("student/restless", ["student"], kl(logits(student!), stop(logits(other!)))),
    ],
  }), { student: [], teacher: [] });
  const findings = await checkMethod(teacher(tiny).student(tiny).use(restless), { shape: [3, 6, 6] });
  const bad = findings.filter(({ ok }) => !ok);
  assertEquals(bad.map(({ rule }) => rule), ["rests"]);
  assertStringIncludes(bad[0]!.detail, "teacher/bn1.running_mean moves, though no term teaches it");
});

Deno.test("checkMethod() finds a loss that is not finite", async () => {
  const { finite } = await wrongs(besides((own) => meanAll(log(sub(mul(own, 0), 1)))));
  assertStringIncludes(finite!, "term/peer0/more is not finite in step 1");
});

Deno.test("checkMethod() finds a loss that float32 cannot hold", async () => {
  const large = (own: Value<"logits">): Value<"logits"> => exp(add(mul(own, 0), 200));
  const found = await wrongs(besides((own) => meanAll(div(mul(own, large(own)), large(own)))));
  assertEquals(Object.keys(found), ["wasm"]);
});

Deno.test("checkMethod() finds a head without finite scores, and a value that nobody measures", async () => {
  const headed = broken(({ peers }) => ({
    terms: peers.map((peer) => supervision(peer)),
    heads: [{ name: "odd", logits: log(sub(mul(logits(peers[0]!), 0), 1)) }],
  }));
  assertEquals((await wrongs(headed)).evaluation, "odd has no finite class scores");
  const { compiles } = await wrongs(besides((own) => meanAll(mul(own, measured("mood")))));
  assertStringIncludes(compiles!, 'every measured value has something that measures it, got "mood"');
});

Deno.test("checkMethod() finds a sentence without method, and a dataset with too few images", async () => {
  const bare = await checkMethod(cohort(tiny, 2).mutual(), { shape: [3, 6, 6] });
  assertEquals(bare.filter(({ ok }) => !ok).map(({ detail }) => detail), [
    "the sentence uses no method: say .use(method)",
  ]);
  const few = synthetic({ classes: 3, shape: [3, 6, 6], train: 9, test: 3 });
  const [last] = (await checkMethod(cohort(tiny, 2).use(besides(meanAll)).on(few), { batch: 6 })).slice(-1);
  assert(!last!.ok);
  assertStringIncludes(last!.detail, "it takes 12 images, got 9. Say a smaller batch, or leave the dataset out.");
});

Deno.test("tensors are apart by more than a share of their largest number, or of their module's", () => {
  const [ours, theirs] = [{ "a/x": Float32Array.of(1, 2.1) }, {
    "a/x": Float64Array.of(1, 2),
    "a/y": Float64Array.of(1),
  }];
  assertEquals(apart(ours, theirs, 0.1, "here"), []);
  assertEquals(apart(ours, theirs, 0.01, "here"), ["a/x here is 2.0999999046325684, expected 2 ± 0.02"]);
  const both = { "a/x": Float64Array.of(100), "a/y": Float64Array.of(1.5) };
  const same = { "a/x": Float64Array.of(100), "a/y": Float64Array.of(1) };
  assertEquals(apart(both, same, 0.01, "here", "module"), []);
  assertEquals(apart(both, same, 0.01, "here").length, 1);
  assertEquals(apart({ "a/x": Float64Array.of(NaN) }, same, 0.01, "here").length, 1);
  assertEquals(differing({ x: Float64Array.of(0) }, { x: Float64Array.of(-0) }, "differs"), ["x differs"]);
});
