/**
 * An online method in a file of its own, outside the package: each peer imitates, image by image, the peers that know its
 * class better.
 *
 * @module
 */

import {
  checkMethod,
  cohort,
  crossEntropy,
  digits,
  greater,
  kl,
  logits,
  type Method,
  method,
  mul,
  OptionError,
  resnet8,
  stop,
  supervision,
  term,
  train,
  withLimit,
} from "@okd/cohort";

/** Options of {@linkcode seniors}. */
export interface SeniorsOptions {
  /** Temperature T; 3. */
  readonly temperature?: number;
  /** Factor of the divergences, shared by the other peers; 1. */
  readonly weight?: number;
}

/**
 * Peer i learns `i/ce` and from every other peer j `i/from_j`, s · T² · KL(j → i), where s is 1 for images on which j has
 * the smaller cross-entropy and 0 for the others.
 *
 * @throws {OptionError} If the temperature is not above 0.
 */
export function seniors(options: SeniorsOptions = {}): Method<{ readonly peer: never }, never> {
  const { temperature = 3, weight = 1 } = options;
  if (!(temperature > 0)) {
    throw new OptionError(`Cannot say seniors(): its temperature is above 0, got ${temperature}. Leave it out for 3.`);
  }
  return method("seniors", { temperature, weight }, { needs: { peer: [] } }, ({ peers }) => ({
    terms: peers.flatMap((peer) => [
      supervision(peer),
      ...peers.filter((other) => other !== peer).map((other) => {
        const senior = stop(greater(crossEntropy(logits(peer)), crossEntropy(logits(other))));
        const divergence = kl(logits(peer), logits(other), { temperature });
        return term(`${peer.id}/from_${other.id}`, [peer.id], mul(divergence, senior), weight / (peers.length - 1));
      }),
    ]),
  }));
}

if (import.meta.main) {
  const sentence = cohort(resnet8, 3).leader().use(seniors({ temperature: 2 }));
  for (const { rule, ok, detail } of await checkMethod(sentence, { methods: { seniors }, shape: [3, 8, 8] })) {
    console.log(ok ? "ok    " : "broken", rule, detail);
  }
  const small = sentence.on(withLimit(digits(), 160)).train({ epochs: 3, batch: 32 });
  const { history } = await train(small, { backend: "wasm", runs: false });
  for (const { epoch, terms } of history) console.log(`epoch ${epoch}: cross-entropy ${terms["peer0/ce"]}`);
}
