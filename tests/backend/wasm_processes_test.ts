import { assert, assertEquals } from "@std/assert";

/** Starts a program that opens an engine with two threads, runs a step and then goes on with `rest`. */
function child(rest: string): Deno.ChildProcess {
  const root = new URL("../../", import.meta.url);
  const code = `
    import { Sketch } from "${root}runtime/backend/suite/sketch.ts";
    import { wasm } from "${root}runtime/backend/wasm/wasm.ts";
    const sketch = new Sketch(64);
    sketch.output("sum", sketch.sum(sketch.images("x", [64, 4]), [0]));
    const engine = await wasm({ threads: 2 }).open([]);
    const runner = await engine.load(sketch.program());
    const step = () => runner.run({ count: 64, inputs: { "images/x": new Float32Array(256).fill(1) }, uniforms: {} });
    await step();
    console.log(...await runner.read("sum"));
    ${rest}`;
  const url = `data:application/typescript,${encodeURIComponent(code)}`;
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-check", "--config", `${root.pathname}deno.json`, url],
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

Deno.test("a process ends by itself once its engine is closed, and needs no permission", async () => {
  const { success, stdout, stderr } = await child("await engine.close();").output();
  assertEquals(new TextDecoder().decode(stderr), "");
  assertEquals(new TextDecoder().decode(stdout), "64 64 64 64\n");
  assert(success);
});

Deno.test("a process with an open engine ends on an error that nobody caught", async () => {
  const { code, stderr } = await child('throw new Error("a mistake");').output();
  assertEquals(code, 1);
  assert(new TextDecoder().decode(stderr).includes("a mistake"));
});

for (
  const [how, rest] of Object.entries({
    "within a step": "for (;;) await step();",
    "between steps": "for (;;) { await step(); await new Promise((done) => setTimeout(done, 5)); }",
    "and closes its engine itself":
      'Deno.addSignalListener("SIGINT", async () => { await engine.close(); Deno.exit(130); }); setInterval(step, 5);',
    "while its workers sleep": "setInterval(() => {}, 1000);",
  })
) {
  Deno.test(`a process that gets Ctrl-C ${how} ends, workers included`, async () => {
    const process = child(rest);
    const reader = process.stdout.getReader();
    await reader.read();
    await new Promise((done) => setTimeout(done, 300));
    process.kill("SIGINT");
    const { success } = await process.status;
    assertEquals(success, false);
    await reader.cancel();
    await process.stderr.cancel();
  });
}

Deno.test("a worker that is terminated with an open engine takes the engine's workers with it", async () => {
  const code = `
    const { promise, resolve } = Promise.withResolvers();
    const source = \`import { wasm } from "\${Deno.args[0]}runtime/backend/wasm/wasm.ts";
      import { Sketch } from "\${Deno.args[0]}runtime/backend/suite/sketch.ts";
      const sketch = new Sketch(64);
      sketch.output("sum", sketch.sum(sketch.images("x", [64, 4]), [0]));
      await (await wasm({ threads: 2 }).open([])).load(sketch.program());
      postMessage("loaded");\`;
    const url = "data:application/typescript," + encodeURIComponent(source);
    const worker = new Worker(url, { type: "module" });
    worker.onmessage = resolve;
    await promise;
    worker.terminate();`;
  const root = new URL("../../", import.meta.url);
  const url = `data:application/typescript,${encodeURIComponent(code)}`;
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-check", "--allow-read", "--config", `${root.pathname}deno.json`, url, root.href],
  }).output();
  assertEquals(new TextDecoder().decode(stderr), "");
  assert(success);
});
