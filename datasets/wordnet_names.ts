/**
 * Names of WordNet classes, which folders call by their number (`n01443537`): the first synonym, with the number behind
 * it where two classes would have one name. A class without a line keeps its number.
 *
 * @param lines Number and synonyms a line: tab apart in Tiny-ImageNet's `words.txt`, a blank in ImageNet's
 * `LOC_synset_mapping.txt`.
 *
 * @example
 * ```ts
 * import { wordnetNames } from "./wordnet_names.ts";
 * wordnetNames(["n01443537", "n02012849"], "n01443537\tgoldfish, Carassius auratus\n"); // ["goldfish", "n02012849"]
 * ```
 */
export function wordnetNames(ids: readonly string[], lines: string): readonly string[] {
  const wanted = new Set(ids);
  const byId = new Map<string, string>();
  for (const line of lines.split(/\r?\n/)) {
    const [, id, words] = /^(\S+)\s+(.*\S)/.exec(line) ?? [];
    if (id !== undefined && wanted.has(id)) byId.set(id, words!.split(",")[0]!.trim());
  }
  const names = ids.map((id) => byId.get(id) ?? id);
  const often = new Set(names.filter((name, i) => names.indexOf(name) !== i));
  return names.map((name, i) => often.has(name) && name !== ids[i] ? `${name} (${ids[i]})` : name);
}
