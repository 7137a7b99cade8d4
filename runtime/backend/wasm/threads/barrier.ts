/**
 * The barrier between stages, as a function of the generated module.
 *
 * The last thread to arrive starts the next phase and wakes those that sleep. The others look at the phase for a while,
 * since stages are short and slices nearly equal, and then sleep, since another program may want the processor.
 *
 * Source: Mellor-Crummey & Scott 1991, section 3.1 (centralised barrier; the sense is a counter here).
 *
 * @module
 */

import { atomicAdd, atomicExchange, atomicLoad, atomicNotify, atomicWait } from "../assembler/atomics.ts";
import { type Features, Func } from "../assembler/func.ts";
import { eq, lt } from "../assembler/i32.ts";
import { words } from "./control.ts";

/** A sleeping thread looks up this often: a worker that was told to end while it slept notices then. */
const napNanoseconds = 250_000_000;

/** A function without parameters that returns when all `threads` have called it; it traps once a thread has failed. */
export function barrier(features: Features, control: number, threads: number): Func {
  const func = new Func("barrier", features);
  const at = (word: number): number => control + 4 * word;
  const phase = func.let("phase", atomicLoad(at(words.phase)));
  // A thread that fails says so before it moves the phase on: one of both is seen, here or below.
  func.if(atomicLoad(at(words.failed)), () => func.trap());
  const before = func.let("before", atomicAdd(at(words.arrived), 1));
  func.if(eq(before, threads - 1), () => {
    func.set(before, atomicExchange(at(words.arrived), 0));
    func.set(before, atomicAdd(at(words.phase), 1));
    func.set(before, atomicNotify(at(words.phase), threads));
  }, () => {
    const left = func.let("left", atomicLoad(at(words.spins)));
    func.while(eq(atomicLoad(at(words.phase)), phase), () => {
      func.if(
        lt(0, left),
        () => func.bump(left, -1),
        () => func.set(before, atomicWait(at(words.phase), phase, napNanoseconds)),
      );
    });
  });
  func.if(atomicLoad(at(words.failed)), () => func.trap());
  return func;
}
