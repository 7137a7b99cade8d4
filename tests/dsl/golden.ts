/**
 * Texts that tests compare with files of `tests/golden`; `COHORT_GOLDEN=write` writes them anew.
 *
 * @module
 */

import { assertEquals } from "@std/assert";

/** Compares a text with its golden file, which only a run with write permission may renew. */
export async function assertGolden(name: string, text: string): Promise<void> {
  const file = new URL(`../golden/${name}`, import.meta.url);
  if (Deno.env.get("COHORT_GOLDEN") === "write") await Deno.writeTextFile(file, text);
  assertEquals(text, await Deno.readTextFile(file), `${name} differs; COHORT_GOLDEN=write renews it`);
}
