/**
 * Compiles small programs over the repository's own sources, as a user's editor would.
 *
 * @module
 */

import ts from "typescript";

/** What the checker said about a program. */
export interface Checked {
  /** Every diagnostic, with its whole chain, one after the other; empty where the program is accepted. */
  readonly text: string;
  /** Type instantiations the program caused, beyond what programs before it had already caused. */
  readonly instantiations: number;
}

const options: ts.CompilerOptions = {
  target: ts.ScriptTarget.ESNext,
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  lib: ["lib.esnext.d.ts"],
  types: [],
  allowImportingTsExtensions: true,
  noEmit: true,
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  skipLibCheck: true,
};

/**
 * Checks programs one after the other, in the order given. Each is a module in a folder beside `dsl/`, so that it
 * imports `"../dsl/mod.ts"`.
 */
export function compile(programs: Readonly<Record<string, string>>): Readonly<Record<string, Checked>> {
  const folder = new URL("../../virtual/", import.meta.url).pathname;
  const sources = new Map(Object.entries(programs).map(([, text], i) => [`${folder}${i}.ts`, text]));
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile, getSourceFile } = host;
  host.fileExists = (path) => sources.has(path) || fileExists.call(host, path);
  host.readFile = (path) => sources.get(path) ?? readFile.call(host, path);
  host.getSourceFile = (path, version, ...rest) => {
    const text = sources.get(path);
    return text === undefined
      ? getSourceFile.call(host, path, version, ...rest)
      : ts.createSourceFile(path, text, version, true);
  };
  const program = ts.createProgram([...sources.keys()], options, host);
  const results: Record<string, Checked> = {};
  for (const [i, name] of Object.keys(programs).entries()) {
    const file = program.getSourceFile(`${folder}${i}.ts`)!;
    const before = program.getInstantiationCount();
    const found = [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)];
    const text = found.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n")).join("\n");
    results[name] = { text, instantiations: program.getInstantiationCount() - before };
  }
  return results;
}
