/**
 * The part of `@std/assert` that this project's tests use, over `node:util`'s `inspect`.
 *
 * A repository checkout resolves `@std/assert` here through `links` in deno.json, so that tests run where JSR cannot be
 * reached. Published code and other checkouts without the link use the real package; signatures and outcomes are its.
 *
 * @module
 */
import { inspect } from "node:util";

/** Thrown by every assertion of this module. */
export class AssertionError extends Error {
  /** Makes an error with the message of the failed assertion. */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "AssertionError";
  }
}

/** A class whose instances may be thrown, as `assertThrows()` and `assertRejects()` take it. */
// deno-lint-ignore no-explicit-any -- the real signature
export type ErrorConstructorLike<E extends Error> = abstract new (...args: any[]) => E;

/** Asserts that `expr` is truthy. */
export function assert(expr: unknown, msg = ""): asserts expr {
  if (!expr) throw new AssertionError(msg);
}

/** Asserts that two values are equal in structure; typed arrays are compared element by element. */
export function assertEquals<T>(actual: T, expected: T, msg?: string): void {
  if (equal(actual, expected)) return;
  throw new AssertionError(because("Values are not equal", msg, `\n${difference(show(actual), show(expected))}`));
}

/** Asserts that two values differ in structure. */
export function assertNotEquals<T>(actual: T, expected: T, msg?: string): void {
  if (!equal(actual, expected)) return;
  throw new AssertionError(
    because(
      "Expected actual to be not equal to expected",
      msg,
      ` Actual: ${short(actual)} Expected: ${short(expected)}`,
    ),
  );
}

/** Asserts that two values are the same by `Object.is`. */
export function assertStrictEquals<T>(actual: unknown, expected: T, msg?: string): asserts actual is T {
  if (Object.is(actual, expected)) return;
  throw new AssertionError(
    because("Values are not strictly equal", msg, `\n${difference(show(actual), show(expected))}`),
  );
}

/** Asserts that two numbers differ by at most `tolerance`, 1e-7 of the expected one unless said. */
export function assertAlmostEquals(actual: number, expected: number, tolerance?: number, msg?: string): void {
  if (Object.is(actual, expected)) return;
  const allowed = tolerance ?? (Number.isFinite(expected) ? Math.abs(expected * 1e-7) : 1e-7);
  const delta = Math.abs(expected - actual);
  if (delta <= allowed) return;
  throw new AssertionError(because(
    `Expected actual: "${short(actual)}" to be close to "${short(expected)}"`,
    msg,
    ` delta "${short(delta)}" is greater than "${short(allowed)}"`,
  ));
}

/** Asserts that `actual` is greater than `expected`. */
export function assertGreater<T>(actual: T, expected: T, msg?: string): void {
  if (actual > expected) return;
  throw new AssertionError(msg ?? `Expect ${short(actual)} > ${short(expected)}`);
}

/** Asserts that `actual` is greater than or equal to `expected`. */
export function assertGreaterOrEqual<T>(actual: T, expected: T, msg?: string): void {
  if (actual >= expected) return;
  throw new AssertionError(msg ?? `Expect ${short(actual)} >= ${short(expected)}`);
}

/** Asserts that `actual` is less than `expected`. */
export function assertLess<T>(actual: T, expected: T, msg?: string): void {
  if (actual < expected) return;
  throw new AssertionError(msg ?? `Expect ${short(actual)} < ${short(expected)}`);
}

/** Asserts that `actual` is less than or equal to `expected`. */
export function assertLessOrEqual<T>(actual: T, expected: T, msg?: string): void {
  if (actual <= expected) return;
  throw new AssertionError(msg ?? `Expect ${short(actual)} <= ${short(expected)}`);
}

/** Asserts that `actual` contains `expected`. */
export function assertStringIncludes(actual: string, expected: string, msg?: string): void {
  if (actual.includes(expected)) return;
  throw new AssertionError(because(`Expected actual: "${actual}" to contain: "${expected}"`, msg));
}

/** Asserts that `actual` matches `expected`. */
export function assertMatch(actual: string, expected: RegExp, msg?: string): void {
  if (expected.test(actual)) return;
  throw new AssertionError(because(`Expected actual: "${actual}" to match: "${expected}"`, msg));
}

/** Asserts that `actual` is neither `null` nor `undefined`. */
export function assertExists<T>(actual: T, msg?: string): asserts actual is NonNullable<T> {
  if (actual !== null && actual !== undefined) return;
  throw new AssertionError(because(`Expected actual: "${actual}" to not be null or undefined`, msg));
}

/** Asserts that `actual` is an instance of `expectedType`. */
// deno-lint-ignore no-explicit-any -- the real signature
export function assertInstanceOf<T extends abstract new (...args: any[]) => any>(
  actual: unknown,
  expectedType: T,
  msg = "",
): asserts actual is InstanceType<T> {
  if (actual instanceof expectedType) return;
  const got = actual === null || typeof actual !== "object"
    ? typeof actual === "object" ? "null" : typeof actual
    : actual.constructor?.name ?? "Object";
  throw new AssertionError(
    because(`Expected object to be an instance of "${expectedType.name}" but was "${got}"`, msg || undefined),
  );
}

/** Asserts that `fn` throws, and returns what it threw. */
export function assertThrows(fn: () => unknown, msg?: string): unknown;
/** Asserts that `fn` throws an `ErrorClass` whose message includes `msgIncludes`, and returns it. */
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  ErrorClass: ErrorConstructorLike<E>,
  msgIncludes?: string,
  msg?: string,
): E;
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  errorClassOrMsg?: ErrorConstructorLike<E> | string,
  msgIncludes?: string,
  msg?: string,
): unknown {
  const wanted = expectation(errorClassOrMsg, msgIncludes, msg);
  let thrown: unknown;
  try {
    fn();
  } catch (error) {
    thrown = error;
    return checked(thrown, wanted);
  }
  throw new AssertionError(because("Expected function to throw", wanted.msg));
}

/** Asserts that `fn` returns a promise that rejects, and resolves to the reason. */
export function assertRejects(fn: () => PromiseLike<unknown>, msg?: string): Promise<unknown>;
/** Asserts that `fn` rejects with an `ErrorClass` whose message includes `msgIncludes`, and resolves to it. */
export function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  ErrorClass: ErrorConstructorLike<E>,
  msgIncludes?: string,
  msg?: string,
): Promise<E>;
export async function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  errorClassOrMsg?: ErrorConstructorLike<E> | string,
  msgIncludes?: string,
  msg?: string,
): Promise<unknown> {
  const wanted = expectation(errorClassOrMsg, msgIncludes, msg);
  let returned: PromiseLike<unknown>;
  try {
    returned = fn();
  } catch {
    throw new AssertionError(because("Function throws when expected to reject", wanted.msg));
  }
  try {
    await returned;
  } catch (error) {
    return checked(error, wanted);
  }
  throw new AssertionError(because("Expected function to reject", wanted.msg));
}

/**
 * Whether two values are equal in structure: same constructor, same own keys, equal members; NaN equals NaN, and 0
 * equals -0.
 */
export function equal(a: unknown, b: unknown): boolean {
  return compare(a, b, new Map());
}

/** Fails always. */
export function fail(msg?: string): never {
  throw new AssertionError(because("Failed assertion", msg));
}

interface Expectation {
  readonly errorClass: ErrorConstructorLike<Error> | undefined;
  readonly includes: string | undefined;
  readonly msg: string | undefined;
}

function expectation(
  classOrMsg: ErrorConstructorLike<Error> | string | undefined,
  includes: string | undefined,
  msg: string | undefined,
): Expectation {
  return typeof classOrMsg === "string"
    ? { errorClass: undefined, includes: undefined, msg: classOrMsg }
    : { errorClass: classOrMsg, includes, msg };
}

function checked(error: unknown, { errorClass, includes, msg }: Expectation): unknown {
  if (errorClass === undefined) return error;
  if (!(error instanceof Error)) throw new AssertionError(because("A non-Error object was thrown or rejected", msg));
  if (!(error instanceof errorClass)) {
    const got = (error as Error).constructor.name;
    throw new AssertionError(because(`Expected error to be instance of "${errorClass.name}", but was "${got}"`, msg));
  }
  if (includes !== undefined && !error.message.includes(includes)) {
    throw new AssertionError(
      because(`Expected error message to include "${includes}", but got "${error.message}"`, msg),
    );
  }
  return error;
}

function because(rule: string, msg: string | undefined, detail = ""): string {
  return `${rule}${msg === undefined || msg === "" ? "." : `: ${msg}`}${detail}`;
}

function compare(a: unknown, b: unknown, seen: Map<object, object>): boolean {
  if (a === b || Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if ((a.constructor ?? Object) !== (b.constructor ?? Object)) return false;
  if (a instanceof RegExp || a instanceof URL) return String(a) === String(b);
  if (a instanceof Date) return Object.is(a.getTime(), (b as Date).getTime());
  if (seen.get(a) === b) return true;
  seen.set(a, b);
  if (isTypedArray(a)) return sameElements(a, b as typeof a);
  if (a instanceof Set) return sameEntries([...a].map((v) => [v]), [...b as Set<unknown>].map((v) => [v]), seen);
  if (a instanceof Map) return sameEntries([...a], [...b as Map<unknown, unknown>], seen);
  const keys = Reflect.ownKeys(a).filter((key) => Object.prototype.propertyIsEnumerable.call(a, key));
  const count = Reflect.ownKeys(b).filter((key) => Object.prototype.propertyIsEnumerable.call(b, key)).length;
  const of = (object: object, key: PropertyKey): unknown => (object as Record<PropertyKey, unknown>)[key];
  return keys.length === count && keys.every((key) => key in b && compare(of(a, key), of(b, key), seen));
}

function isTypedArray(value: object): value is Float64Array {
  return ArrayBuffer.isView(value) && !(value instanceof DataView);
}

function sameElements(a: Float64Array, b: Float64Array): boolean {
  return a.length === b.length && a.every((x, i) => x === b[i] || Object.is(x, b[i]));
}

function sameEntries(a: readonly unknown[][], b: unknown[][], seen: Map<object, object>): boolean {
  if (a.length !== b.length) return false;
  const left = [...b];
  return a.every((entry) => {
    const at = left.findIndex((other) => entry.every((part, i) => compare(part, other[i], seen)));
    if (at >= 0) left.splice(at, 1);
    return at >= 0;
  });
}

function short(value: unknown): string {
  return inspect(value, { depth: 4, breakLength: Infinity, maxArrayLength: 20, maxStringLength: 2000 });
}

function show(value: unknown): readonly string[] {
  return inspect(value, { depth: 12, sorted: true, maxArrayLength: 1000, breakLength: 100 }).split("\n");
}

/** Lines around the first difference; values that print alike differ in something `inspect` does not print. */
function difference(actual: readonly string[], expected: readonly string[]): string {
  let first = 0;
  while (first < actual.length && first < expected.length && actual[first] === expected[first]) first++;
  const from = Math.max(0, first - 3);
  const lines = (side: readonly string[], mark: string) =>
    side.slice(first, first + 12).map((line) => `  ${mark} ${line}`);
  return [
    ...(from > 0 ? ["    …"] : []),
    ...actual.slice(from, first).map((line) => `    ${line}`),
    ...lines(actual, "-"),
    ...lines(expected, "+"),
    "  (- actual, + expected)",
  ].join("\n");
}
