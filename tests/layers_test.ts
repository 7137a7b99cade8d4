import { assertEquals, assertStringIncludes } from "@std/assert";
import ts from "typescript";

/** What a room may import: other rooms (a folder or a file), and packages by name. */
interface Room {
  /** Rooms it may import besides itself; the longest matching row of {@linkcode ROOMS} counts. */
  readonly rooms: readonly string[];
  /** Packages it may import: none, those that need no JSR, or any. */
  readonly packages: "none" | "no jsr" | "any";
}

const BELOW = ["dsl", "runtime", "methods", "datasets"];

/** Who may import whom; an arrow is a row here or it does not exist. */
const ROOMS: Readonly<Record<string, Room>> = {
  "dsl": { rooms: [], packages: "none" },
  "runtime": { rooms: ["dsl"], packages: "no jsr" },
  "runtime/ir": { rooms: ["dsl"], packages: "no jsr" },
  "runtime/backend": { rooms: ["dsl", "runtime/ir"], packages: "no jsr" },
  "runtime/compile": {
    rooms: ["dsl", "runtime/ir", "runtime/backend/backend.ts"],
    packages: "no jsr",
  },
  "runtime/train": {
    rooms: ["dsl", "runtime/ir", "runtime/backend", "runtime/compile"],
    packages: "no jsr",
  },
  "runtime/check": {
    rooms: ["dsl", "runtime/ir", "runtime/backend", "runtime/compile", "runtime/train"],
    packages: "no jsr",
  },
  "methods": { rooms: ["dsl"], packages: "no jsr" },
  "datasets": { rooms: ["dsl"], packages: "no jsr" },
  "mod.ts": { rooms: BELOW, packages: "no jsr" },
  "pipelines": { rooms: ["mod.ts", ...BELOW], packages: "no jsr" },
  "cli": { rooms: ["mod.ts", "pipelines", ...BELOW], packages: "any" },
};

/** Packages that come from JSR: prefixes of specifiers. */
const JSR = ["jsr:", "@std/", "@cliffy/"];

/** One sentence for each broken rule below `root`, sorted; empty if there is none. */
async function violations(root: string, rooms: Readonly<Record<string, Room>> = ROOMS): Promise<string[]> {
  const found: string[] = [];
  for (const room of Object.keys(rooms)) {
    const files = await sources(root, room);
    if (files.length === 0) found.push(`${room} is missing or holds no module`);
    // A file belongs to its deepest room, so that runtime/ir is not judged by the row of runtime.
    for (const file of files.filter((file) => roomOf(file, rooms) === room)) {
      const nested = file.slice(room.length + 1).split("/");
      if (room === "runtime" && nested.length > 1) found.push(`runtime/${nested[0]} has no row in the layers test`);
      for (const specifier of specifiers(file, await Deno.readTextFile(`${root}/${file}`))) {
        const problem = judge(file, specifier, rooms);
        if (problem !== undefined) found.push(problem);
      }
    }
  }
  return found.sort();
}

function judge(file: string, specifier: string, rooms: Readonly<Record<string, Room>>): string | undefined {
  const own = roomOf(file, rooms)!;
  const { rooms: allowed, packages } = rooms[own]!;
  if (!specifier.startsWith(".")) {
    const refused = packages === "none" || packages === "no jsr" && JSR.some((prefix) =>
          specifier.startsWith(prefix)
        ) ||
      /^https?:/.test(specifier);
    return refused ? `${file} imports ${specifier}, which ${own} may not` : undefined;
  }
  const target = new URL(specifier, `file:///${file}`).pathname.slice(1);
  // Modules at the top of runtime/ compose its rooms.
  const inside = own === "runtime" && target.startsWith("runtime/") || roomOf(target, rooms) === own;
  const named = allowed.some((room) => target === room || target.startsWith(`${room}/`));
  return inside || named ? undefined : `${file} imports ${target}, which ${own} may not`;
}

function roomOf(file: string, rooms: Readonly<Record<string, Room>>): string | undefined {
  return Object.keys(rooms)
    .filter((room) => file === room || file.startsWith(`${room}/`))
    .sort((a, b) => b.length - a.length)[0];
}

/** Modules below a folder (or the one file), as paths from `root`. */
async function sources(root: string, path: string): Promise<string[]> {
  let info: Deno.FileInfo;
  try {
    info = await Deno.stat(`${root}/${path}`);
  } catch {
    return [];
  }
  if (info.isFile) return /\.(ts|tsx|js|mjs)$/.test(path) ? [path] : [];
  const found: string[] = [];
  for await (const entry of Deno.readDir(`${root}/${path}`)) {
    found.push(...await sources(root, `${path}/${entry.name}`));
  }
  return found;
}

/** Specifiers of static and dynamic imports, re-exports, import types, and module URLs beside this one. */
function specifiers(file: string, text: string): string[] {
  const found: string[] = [];
  const add = (node: ts.Node | undefined) => {
    if (node !== undefined && ts.isStringLiteralLike(node)) found.push(node.text);
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) add(node.moduleSpecifier);
    if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) add(node.argument.literal);
    if (ts.isCallExpression(node)) {
      const resolves = ts.isPropertyAccessExpression(node.expression) && node.expression.name.text === "resolve" &&
        ts.isMetaProperty(node.expression.expression);
      if (node.expression.kind === ts.SyntaxKind.ImportKeyword || resolves) add(node.arguments[0]);
    }
    if (ts.isNewExpression(node) && node.expression.getText() === "URL") {
      const [path, base] = node.arguments ?? [];
      const module = path !== undefined && ts.isStringLiteralLike(path) && /^\.{1,2}\/.*\.m?[jt]sx?$/.test(path.text);
      if (module && base?.getText() === "import.meta.url") add(path);
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true));
  return found;
}

Deno.test("every import of the project follows the layers", async () => {
  assertEquals(await violations(decodeURIComponent(new URL("..", import.meta.url).pathname).replace(/\/$/, "")), []);
});

/** A tree that keeps every rule; a test changes one file of it. */
const SOUND: Readonly<Record<string, string>> = {
  "dsl/arch.ts":
    `import "./value.ts"; /* import "../runtime/ir/op.ts" */ export const text = 'import "../cli/main.ts"';`,
  "dsl/value.ts": "export {};",
  "runtime/mod.ts": `export * from "./train/loop.ts";`,
  "runtime/ir/op.ts": `import "../../dsl/value.ts";`,
  "runtime/backend/backend.ts": `import "../ir/op.ts";`,
  "runtime/backend/wasm/engine.ts":
    `import "../backend.ts"; new URL("./worker.ts", import.meta.url); import "npm:x@1";`,
  "runtime/compile/compile.ts": `import type {} from "../backend/backend.ts"; import "../ir/op.ts";`,
  "runtime/train/loop.ts": `import "../compile/compile.ts"; import "../backend/wasm/engine.ts"; import "node:util";`,
  "runtime/check/check.ts": `import "../train/loop.ts"; import "../backend/wasm/engine.ts";`,
  "methods/dml.ts": `import "../dsl/value.ts";`,
  "datasets/digits.ts": `import "../dsl/value.ts";`,
  "mod.ts": `export * from "./dsl/arch.ts"; export * from "./runtime/mod.ts";`,
  "pipelines/ffsd.ts": `import "../mod.ts"; import "../methods/dml.ts";`,
  "cli/main.ts": `import "@cliffy/command"; import("../pipelines/ffsd.ts");`,
};

/** Violations of {@linkcode SOUND} with some files changed, or taken away where the text is undefined. */
async function broken(changes: Readonly<Record<string, string | undefined>>): Promise<string[]> {
  const root = await Deno.makeTempDir();
  try {
    for (const [file, text] of Object.entries({ ...SOUND, ...changes })) {
      if (text === undefined) continue;
      await Deno.mkdir(`${root}/${file}`.replace(/\/[^/]*$/, ""), { recursive: true });
      await Deno.writeTextFile(`${root}/${file}`, text);
    }
    return await violations(root);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

Deno.test("the layers test accepts a sound tree, and ignores imports in comments and strings", async () => {
  assertEquals(await broken({}), []);
});

Deno.test("the layers test refuses a missing room", async () => {
  assertEquals(await broken({ "methods/dml.ts": undefined, "pipelines/ffsd.ts": `import "../mod.ts";` }), [
    "methods is missing or holds no module",
  ]);
});

Deno.test("the layers test refuses a room inside runtime that nobody gave a place", async () => {
  assertEquals(await broken({ "runtime/extra/x.ts": "export {};" }), ["runtime/extra has no row in the layers test"]);
});

const RULES: readonly (readonly [file: string, target: string])[] = [
  ["dsl/arch.ts", "runtime/ir/op.ts"],
  ["dsl/arch.ts", "methods/dml.ts"],
  ["dsl/arch.ts", "mod.ts"],
  ["runtime/mod.ts", "methods/dml.ts"],
  ["runtime/train/loop.ts", "methods/dml.ts"],
  ["runtime/train/loop.ts", "datasets/digits.ts"],
  ["runtime/train/loop.ts", "runtime/mod.ts"],
  ["runtime/ir/op.ts", "runtime/backend/backend.ts"],
  ["runtime/ir/op.ts", "runtime/compile/compile.ts"],
  ["runtime/ir/op.ts", "runtime/train/loop.ts"],
  ["runtime/backend/backend.ts", "runtime/compile/compile.ts"],
  ["runtime/backend/wasm/engine.ts", "runtime/train/loop.ts"],
  ["runtime/compile/compile.ts", "runtime/backend/wasm/engine.ts"],
  ["runtime/compile/compile.ts", "runtime/train/loop.ts"],
  ["methods/dml.ts", "runtime/ir/op.ts"],
  ["methods/dml.ts", "datasets/digits.ts"],
  ["datasets/digits.ts", "methods/dml.ts"],
  ["datasets/digits.ts", "runtime/train/loop.ts"],
  ["mod.ts", "pipelines/ffsd.ts"],
  ["mod.ts", "cli/main.ts"],
  ["pipelines/ffsd.ts", "cli/main.ts"],
  ["cli/main.ts", "tests/layers_test.ts"],
];

for (const [file, target] of RULES) {
  const depth = file.split("/").length - 1;
  const specifier = `${"../".repeat(depth) || "./"}${target}`;
  Deno.test(`the layers test refuses ${target} in ${file}`, async () => {
    const [problem = "", ...others] = await broken({ [file]: `import type {} from "${specifier}";` });
    assertStringIncludes(problem, `${file} imports ${target}, which `);
    assertEquals(others, []);
  });
}

const PACKAGES: readonly (readonly [file: string, specifier: string])[] = [
  ...["mod.ts", "dsl/arch.ts", "runtime/mod.ts", "runtime/ir/op.ts", "methods/dml.ts", "datasets/digits.ts"]
    .flatMap((file) => [[file, "@std/assert"], [file, "jsr:@x/y@1"]] as const),
  ["runtime/train/loop.ts", "@std/cli/parse-args"],
  ["pipelines/ffsd.ts", "@cliffy/command"],
  ["dsl/arch.ts", "npm:x@1"],
  ["dsl/arch.ts", "@tensorflow/tfjs-core"],
  ["dsl/arch.ts", "node:util"],
  ["cli/main.ts", "https://example.com/x.ts"],
];

for (const [file, specifier] of PACKAGES) {
  Deno.test(`the layers test refuses ${specifier} in ${file}`, async () => {
    const [problem = "", ...others] = await broken({ [file]: `import "${specifier}";` });
    assertStringIncludes(problem, `${file} imports ${specifier}, which `);
    assertEquals(others, []);
  });
}

const FORMS: Readonly<Record<string, string>> = {
  "a named import": `import { run } from "../cli/main.ts";`,
  "a type import": `import type { Run } from '../cli/main.ts';`,
  "an import over several lines": `import {\n  run,\n} from\n  "../cli/main.ts";`,
  "a re-export": `export { run } from "../cli/main.ts";`,
  "a star re-export": `export * as cli from "../cli/main.ts";`,
  "a dynamic import": `const cli = () => import("../cli/main.ts");`,
  "a dynamic import of a template": "const cli = () => import(`../cli/main.ts`);",
  "an import type": `export type Run = import("../cli/main.ts").Run;`,
  "a worker's URL": `new Worker(new URL("../cli/main.ts", import.meta.url), { type: "module" });`,
  "a resolved specifier": `export const cli = import.meta.resolve("../cli/main.ts");`,
};

for (const [form, text] of Object.entries(FORMS)) {
  Deno.test(`the layers test sees ${form}`, async () => {
    assertEquals(await broken({ "methods/dml.ts": text }), [
      "methods/dml.ts imports cli/main.ts, which methods may not",
    ]);
  });
}
