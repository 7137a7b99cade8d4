/**
 * A function under construction: named locals, structured loops, stores.
 *
 * @module
 */

import { type Code, type Int, memoryImmediate, simd, type Type, typeByte, unsigned } from "./code.ts";
import * as f from "./f32x4.ts";
import { add, int, lt } from "./i32.ts";

/** What the machine offers beyond SIMD. */
export interface Features {
  /** `f32x4.relaxed_madd`: multiply and add in one instruction. */
  readonly relaxed: boolean;
  /**
   * V8 runs without bounds checks and makes one 256-bit instruction of two equal ones whose numbers lie side by side
   * in memory. Kernels then write them so: where results are stored, nothing else may come between the two halves, nor
   * a store between two halves that are loaded. Correct on every machine, slower where V8 does not do this.
   */
  readonly wide?: boolean;
}

/** A variable; as code it is its value. */
export interface Local<T extends Type = Type> extends Code<T> {
  /** Name, for people. */
  readonly name: string;
  /** Position among parameters and locals. */
  readonly index: number;
}

/** A function whose parameters are all integers and that returns nothing. */
export class Func {
  /** Name shown by profilers. */
  readonly name: string;
  readonly #features: Features;
  readonly #code: number[] = [];
  readonly #locals: Type[] = [];
  #parameters = 0;

  /** An empty function for a machine with `features`. */
  constructor(name: string, features: Features) {
    this.name = name;
    this.#features = features;
  }

  /** Number of parameters. */
  get parameters(): number {
    return this.#parameters;
  }

  /** Whether pairs of vectors are to be worked on together, see {@linkcode Features}. */
  get wide(): boolean {
    return this.#features.wide === true;
  }

  /** Declares the next parameters; they come before every local. */
  params<const N extends readonly string[]>(...names: N): { [I in keyof N]: Local<"i32"> } {
    return names.map((name) => variable("i32", name, this.#parameters++)) as { [I in keyof N]: Local<"i32"> };
  }

  /** Declares a local. */
  local<T extends Type>(type: T, name: string): Local<T> {
    this.#locals.push(type);
    return variable(type, name, this.#parameters + this.#locals.length - 1);
  }

  /** Declares a local and sets it. */
  let<T extends Type>(name: string, value: Code<T>): Local<T> {
    const local = this.local(value.type, name);
    this.set(local, value);
    return local;
  }

  /** Declares vectors `name0`, `name1`, … */
  vectors(name: string, count: number): Local<"v128">[] {
    return Array.from({ length: count }, (_, i) => this.local("v128", `${name}${i}`));
  }

  /** local ← value. */
  set<T extends Type>(local: Local<T>, value: Code<T>): void {
    this.#code.push(...value.bytes, 0x21, ...unsigned(local.index));
  }

  /** local ← local + amount. */
  bump(local: Local<"i32">, amount: Int): void {
    if (amount !== 0) this.set(local, add(local, amount));
  }

  /** Writes a value to memory. */
  store(address: Int, value: Code, offset = 0): void {
    const opcode = { i32: [0x36], f32: [0x38], f64: [0x39], v128: simd(0x0b) }[value.type];
    this.#code.push(...int(address).bytes, ...value.bytes, ...opcode, ...memoryImmediate(2, offset));
  }

  /** Writes the first `count` numbers of a vector. */
  storePart(address: Int, value: Local<"v128">, count: number, offset = 0): void {
    if (count === 4) return this.store(address, value, offset);
    const pair = count & 2;
    if (pair) this.#code.push(...int(address).bytes, ...value.bytes, ...simd(0x5b, ...memoryImmediate(2, offset), 0));
    if (count & 1) {
      this.#code.push(
        ...int(address).bytes,
        ...value.bytes,
        ...simd(0x5a, ...memoryImmediate(2, offset + 4 * pair), pair),
      );
    }
  }

  /** Runs `body` for i = from, from + step, … while i < to. */
  for(name: string, from: Int, to: Int, body: (i: Local<"i32">) => void, step = 1): void {
    const fixed = typeof from === "number" && typeof to === "number";
    if (fixed && from >= to) return;
    const i = this.let(name, int(from));
    const loop = (): void => {
      this.#code.push(0x03, 0x40);
      body(i);
      this.bump(i, step);
      this.#code.push(...lt(i, to).bytes, 0x0d, 0x00, 0x0b);
    };
    if (fixed) loop();
    else this.if(lt(i, to), loop);
  }

  /** Runs `body` `count` times; a computed count has to be at least 1. */
  times(count: Int, body: () => void): void {
    if (count === 1) return body();
    if (count === 0) return;
    const left = this.let("left", int(count));
    this.#code.push(0x03, 0x40);
    body();
    this.#code.push(...add(left, -1).bytes, 0x22, ...unsigned(left.index), 0x0d, 0x00, 0x0b);
  }

  /** Runs `body` while the condition is not 0. */
  while(condition: Code<"i32">, body: () => void): void {
    this.if(condition, () => {
      this.#code.push(0x03, 0x40);
      body();
      this.#code.push(...condition.bytes, 0x0d, 0x00, 0x0b);
    });
  }

  /** Runs `then` if the condition is not 0, else `otherwise`. */
  if(condition: Code<"i32">, then: () => void, otherwise?: () => void): void {
    this.#code.push(...condition.bytes, 0x04, 0x40);
    then();
    if (otherwise !== undefined) {
      this.#code.push(0x05);
      otherwise();
    }
    this.#code.push(0x0b);
  }

  /** Calls the function at a position of the module. */
  call(position: number, args: readonly Int[]): void {
    this.#code.push(...args.flatMap((arg) => int(arg).bytes), 0x10, ...unsigned(position));
  }

  /** Ends the run with an error. */
  trap(): void {
    this.#code.push(0x00);
  }

  /** a · b + c, in one instruction where the machine has it. */
  madd(a: f.Vector, b: f.Vector, c: f.Vector): f.Vector {
    return this.#features.relaxed ? f.relaxedMadd(a, b, c) : f.add(f.mul(a, b), c);
  }

  /** The encoded body: locals, instructions, end. */
  body(): number[] {
    const locals = this.#locals.flatMap((type) => [1, typeByte[type]]);
    const body = [...unsigned(this.#locals.length), ...locals, ...this.#code, 0x0b];
    return [...unsigned(body.length), ...body];
  }
}

function variable<T extends Type>(type: T, name: string, index: number): Local<T> {
  return { type, name, index, bytes: [0x20, ...unsigned(index)] };
}
