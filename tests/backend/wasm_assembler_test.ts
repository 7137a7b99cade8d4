import { assert, assertEquals } from "@std/assert";
import { signed, unsigned } from "../../runtime/backend/wasm/assembler/code.ts";
import { Func } from "../../runtime/backend/wasm/assembler/func.ts";
import * as s from "../../runtime/backend/wasm/assembler/f32.ts";
import * as f from "../../runtime/backend/wasm/assembler/f32x4.ts";
import * as i from "../../runtime/backend/wasm/assembler/i32.ts";
import { encodeModule, maximumPages, minimumPages } from "../../runtime/backend/wasm/assembler/module.ts";

/** Generates a function of (address), runs it on a memory that holds `initial`, and returns the first numbers. */
async function run(
  build: (func: Func, memory: ReturnType<Func["params"]>[number]) => void,
  initial: readonly number[] = [],
  count = 8,
): Promise<number[]> {
  const func = new Func("tested", { relaxed: false });
  build(func, func.params("memory")[0]!);
  const bytes = encodeModule([{ name: "tested", parameters: 1, body: func.body(), exported: true }]);
  assert(WebAssembly.validate(bytes));
  const memory = new WebAssembly.Memory({ initial: minimumPages, maximum: maximumPages });
  new Float32Array(memory.buffer).set(initial);
  const { instance } = await WebAssembly.instantiate(bytes, { env: { memory } });
  (instance.exports["tested"] as (address: number) => void)(0);
  return [...new Float32Array(memory.buffer, 0, count)];
}

Deno.test("unsigned() is LEB128, seven bits a byte, lowest first", () => {
  assertEquals(unsigned(0), [0x00]);
  assertEquals(unsigned(127), [0x7f]);
  assertEquals(unsigned(128), [0x80, 0x01]);
  // The example of the DWARF standard, appendix C.
  assertEquals(unsigned(624485), [0xe5, 0x8e, 0x26]);
  assertEquals(unsigned(2 ** 32 - 1), [0xff, 0xff, 0xff, 0xff, 0x0f]);
});

Deno.test("signed() extends the sign, and addresses beyond 2 GiB wrap", () => {
  assertEquals(signed(0), [0x00]);
  assertEquals(signed(63), [0x3f]);
  assertEquals(signed(64), [0xc0, 0x00]);
  assertEquals(signed(-1), [0x7f]);
  assertEquals(signed(-64), [0x40]);
  // The example of the DWARF standard, appendix C.
  assertEquals(signed(-123456), [0xc0, 0xbb, 0x78]);
  assertEquals(signed(2 ** 31), signed(-(2 ** 31)));
});

Deno.test("instructions carry their opcodes", () => {
  assertEquals(i.add(i.int(1), i.int(2)).bytes, [0x41, 1, 0x41, 2, 0x6a]);
  assertEquals(i.mul(i.int(7), 1).bytes, [0x41, 7]);
  assertEquals(s.f32(1).bytes, [0x43, 0, 0, 0x80, 0x3f]);
  assertEquals(s.f64(1).bytes, [0x44, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f]);
  assertEquals(f.load(0, 16).bytes, [0x41, 0, 0xfd, 0x00, 2, 16]);
  assertEquals(f.relaxedMadd(f.load(0), f.load(0), f.load(0)).bytes.slice(-3), [0xfd, 0x85, 0x02]);
  assertEquals(f.broadcast(f.load(0), 2).bytes.slice(-16), [8, 9, 10, 11, 8, 9, 10, 11, 8, 9, 10, 11, 8, 9, 10, 11]);
});

Deno.test("Func.madd() multiplies and adds with and without relaxed SIMD", () => {
  const one = f.splat(1);
  assertEquals(new Func("f", { relaxed: true }).madd(one, one, one), f.relaxedMadd(one, one, one));
  assertEquals(new Func("f", { relaxed: false }).madd(one, one, one), f.add(f.mul(one, one), one));
});

Deno.test("Func.for() counts up by steps, and not at all where it starts at its end", async () => {
  const result = await run((func, memory) => {
    const total = func.let("total", s.f32(0));
    func.for("i", 0, 10, () => func.set(total, s.add(total, s.f32(1))), 3);
    func.store(memory, total);
    func.for("i", 5, 5, () => func.store(memory, s.f32(-1)));
    func.for("i", memory, memory, () => func.store(memory, s.f32(-1)));
  });
  assertEquals(result[0], 4);
});

Deno.test("Func.times(), while() and if() repeat and choose", async () => {
  const result = await run((func, memory) => {
    const total = func.let("total", s.f32(0));
    func.times(6, () => func.set(total, s.add(total, s.f32(2))));
    func.store(memory, total);
    const left = func.let("left", i.int(40));
    func.while(i.lt(0, left), () => func.set(left, i.sub(left, 9)));
    func.if(i.lt(left, 0), () => func.store(memory, s.f32(1), 4), () => func.store(memory, s.f32(2), 4));
    func.if(i.lt(0, left), () => func.store(memory, s.f32(1), 8), () => func.store(memory, s.f32(2), 8));
  });
  assertEquals(result.slice(0, 3), [12, 1, 2]);
});

Deno.test("Func.storePart() writes so many numbers and no more", async () => {
  for (const count of [1, 2, 3, 4]) {
    const result = await run((func, memory) => {
      func.storePart(memory, func.let("v", f.load(memory, 32)), count, 4);
    }, [9, 9, 9, 9, 9, 9, 9, 9, 1, 2, 3, 4]);
    assertEquals(result, [9, ...[1, 2, 3, 4].slice(0, count), ...Array(7 - count).fill(9)]);
  }
});

Deno.test("integer helpers divide, bound and choose", async () => {
  const result = await run((func, memory) => {
    const seven = func.let("seven", i.int(7));
    const values = [
      i.div(seven, 2),
      i.mod(seven, 4),
      i.min(seven, 3),
      i.max(seven, 9),
      i.and(seven, 5),
      i.shl(seven, 2),
      i.shr(seven, 1),
      i.sub(0, seven),
    ];
    values.forEach((value, at) => func.store(memory, s.demote(s.fromInt(value)), 4 * at));
  });
  assertEquals(result, [3, 3, 3, 9, 5, 28, 3, -7]);
});

Deno.test("vectors shuffle, select and compare", async () => {
  const result = await run((func, memory) => {
    const a = func.let("a", f.load(memory));
    const b = func.let("b", f.load(memory, 16));
    func.store(memory, f.shuffle(a, b, [3, 4, 0, 7]));
    func.store(memory, f.select(f.lt(a, b), a, b), 16);
  }, [1, 5, 3, 7, 2, 4, 6, 8]);
  assertEquals(result, [7, 2, 1, 8, 1, 4, 3, 7]);
});
