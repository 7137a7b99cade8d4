/**
 * A distiller in a file of its own, outside the package: a student's maps get the mean and the spread of its teacher's.
 *
 * @module
 */

import {
  add,
  checkMethod,
  digits,
  distiller,
  type DistillNeeds,
  type DistillOptions,
  meanOver,
  type Method,
  perSample,
  poolTo,
  resnet14,
  resnet8,
  sakd,
  sakdOver,
  square,
  sub,
  teacher,
  train,
  type Value,
  withLimit,
} from "@okd/cohort";

/**
 * At every spot a student learns `student/moments_spot`, β · 1/HW Σ (m_s − m_t)² + (v_s − v_t)², m = 1/C Σ_c F_c and
 * v = 1/C Σ_c F_c² of its map [B, C, H, W]; the larger map is averaged down before. β is 1 unless said.
 */
export function moments(options: DistillOptions = {}): Method<DistillNeeds, string> {
  const { weight = 1, ce = 1 } = options;
  return distiller({
    name: "moments",
    options: { weight, ce },
    where: "every spot",
    loss: (student, teacher) => {
      const [s, t] = [
        poolTo(student as Value<"map">, teacher as Value<"map">),
        poolTo(teacher as Value<"map">, student as Value<"map">),
      ];
      return add(apart(s, t), apart(square(s), square(t)));
    },
  });
}

/** Squared distance of the means over channels, per sample [B]. */
function apart(student: Value<"map">, target: Value<"map">): Value<"sample"> {
  return perSample(square(sub(meanOver(student, [1]), meanOver(target, [1]))));
}

if (import.meta.main) {
  const pair = teacher(resnet14).student(resnet8);
  const said = [
    [pair.use(moments()), { moments }],
    [pair.use(sakd(moments({ weight: 2 }))), { sakd: sakdOver({ moments }) }],
  ] as const;
  for (const [sentence, methods] of said) {
    for (const { rule, ok, detail } of await checkMethod(sentence, { methods, shape: [3, 8, 8] })) {
      console.log(ok ? "ok    " : "broken", rule, detail);
    }
  }
  const small = pair.pretrain({ epochs: 1 }).use(sakd(moments())).on(withLimit(digits(), 160)).train({
    epochs: 3,
    batch: 32,
  });
  const { history } = await train(small, { backend: "wasm", runs: false });
  for (const { epoch, terms } of history) console.log(`epoch ${epoch}: cross-entropy ${terms["student/ce"]}`);
}
