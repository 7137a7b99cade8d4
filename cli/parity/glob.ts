/**
 * Patterns over names of cases.
 *
 * @module
 */

/**
 * Whether a pattern means a case. `*` stands for any characters but `/`, `{a,b}` for one of its words; a pattern with
 * fewer parts than the case's name means every case below it, so `loss_ffsd` means `loss_ffsd/attention_map/0`.
 *
 * @example
 * ```ts
 * import { matchesCase } from "./glob.ts";
 * matchesCase("trace_{kd,ffsd_*}", "trace_ffsd_resnet8"); // true
 * ```
 */
export function matchesCase(pattern: string, name: string): boolean {
  const parts = name.split("/");
  return expandBraces(pattern).some((plain) => {
    const wanted = plain.split("/");
    return wanted.length <= parts.length && wanted.every((word, i) => matchesWord(word, parts[i]!));
  });
}

/** The patterns that a pattern with brace sets stands for. */
export function expandBraces(pattern: string): readonly string[] {
  const open = pattern.indexOf("{");
  if (open < 0) return [pattern];
  const words: string[] = [];
  let [depth, start] = [0, open + 1];
  for (let i = open; i < pattern.length; i++) {
    const c = pattern[i];
    if (c === "{") depth++;
    if (c === "}") depth--;
    if (depth === 0 || (c === "," && depth === 1)) {
      words.push(pattern.slice(start, i));
      start = i + 1;
    }
    if (depth === 0) {
      const [before, after] = [pattern.slice(0, open), pattern.slice(i + 1)];
      return words.flatMap((word) => expandBraces(`${before}${word}${after}`));
    }
  }
  return [pattern];
}

function matchesWord(pattern: string, word: string): boolean {
  const source = pattern.split("*").map((text) => text.replace(/[.+?^${}()|[\]\\]/g, "\\$&")).join(".*");
  return new RegExp(`^${source}$`).test(word);
}
