/**
 * The rules of a method that need no numbers: it is data, pure, recorded by the spec and told by `explain()`.
 *
 * @module
 */

import { explain } from "../../dsl/explain.ts";
import { equalJson, frozenJson } from "../../dsl/json.ts";
import { lower } from "../../dsl/lower.ts";
import type { Method } from "../../dsl/method.ts";
import { normalize } from "../../dsl/normalize.ts";
import { parseSpec, type Values } from "../../dsl/parse_spec.ts";
import type { AnyPipeline } from "../../dsl/pipeline.ts";
import { siteOf } from "../../dsl/site.ts";
import { finding, messageOf, type MethodFinding, type MethodRule } from "./finding.ts";

/** Findings of the rules about data. */
export function laws(pipeline: AnyPipeline, makers: Values["methods"]): readonly MethodFinding[] {
  return [
    judged("data", () => notData(pipeline.methods), "frozen JSON with a name and a version"),
    judged("pure", () => impure(pipeline), "lower() gives the same JSON twice"),
    judged("spec", () => notRecorded(pipeline, makers), "parseSpec() gives the same spec and loss graph"),
    judged("explain", () => untold(pipeline), "explain() names the method and its terms"),
  ];
}

function judged(rule: MethodRule, look: () => readonly string[], kept: string): MethodFinding {
  try {
    return finding(rule, look(), kept);
  } catch (error) {
    return finding(rule, [messageOf(error)], kept);
  }
}

function notData(methods: readonly Method[]): readonly string[] {
  if (methods.length === 0) return ["the sentence uses no method: say .use(method)"];
  return methods.flatMap((method) => {
    const { kind, name, version, options, needs, routes } = method;
    const wrong = [
      kind === "method" ? "" : `its kind is "method", got ${JSON.stringify(kind)}`,
      /^[A-Za-z_][\w-]*$/.test(name) ? "" : `its name is letters, digits, - and _, got ${JSON.stringify(name)}`,
      Number.isSafeInteger(version) && version >= 1 ? "" : `its version is a whole number from 1, got ${version}`,
      isFrozen(method) ? "" : "the method and its options are frozen, got some that can change",
      ...notJson({ options, needs, routes }),
    ];
    return wrong.filter((text) => text !== "").map((text) => `${name}(): ${text}`);
  });
}

/** Frozen through and through, but for functions. */
function isFrozen(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return true;
  return Object.isFrozen(value) && Object.values(value).every(isFrozen);
}

function notJson(value: object): readonly string[] {
  try {
    return equalJson(JSON.parse(JSON.stringify(frozenJson(value, "it"))), value)
      ? []
      : ["its options come back from JSON as they were, got other ones"];
  } catch (error) {
    return [messageOf(error)];
  }
}

function impure(pipeline: AnyPipeline): readonly string[] {
  const site = siteOf(normalize(pipeline));
  return pipeline.methods.flatMap((method) => {
    const [first, second] = [method.lower(site), method.lower(site)];
    const text = JSON.stringify(first);
    return [
      text === JSON.stringify(second) ? "" : `${method.name}(): lower() gives the same graph each time, got two`,
      equalJson(JSON.parse(text), first)
        ? ""
        : `${method.name}(): its graph is JSON, got something in it that JSON changes (undefined, NaN, a function, …)`,
    ].filter((wrong) => wrong !== "");
  });
}

function notRecorded(pipeline: AnyPipeline, makers: Values["methods"]): readonly string[] {
  const { spec, methods, archs, dataset } = pipeline;
  const own = Object.fromEntries(
    methods.map(({ name }) => [name, (options: object): Method => {
      return methods.find((said) => said.name === name && equalJson(said.options, options)) ?? methods[0]!;
    }]),
  );
  const again = parseSpec(JSON.stringify(spec), {
    methods: { ...own, ...makers },
    archs,
    ...(dataset === undefined ? {} : { datasets: { [dataset.kind]: dataset } }),
  });
  return [
    equalJson(again.spec, spec) ? "" : "the spec read again is the spec, got another one",
    equalJson(lower(again), lower(pipeline)) ? "" : "the spec read again gives the same loss graph, got another one",
  ].filter((wrong) => wrong !== "");
}

function untold(pipeline: AnyPipeline): readonly string[] {
  const { text, mermaid } = explain(pipeline);
  const names = pipeline.methods.map(({ name }) => name);
  const graph = lower(pipeline);
  const terms = [graph, ...(graph.stages ?? []).map((stage) => stage.graph)].flatMap((part) => part.terms);
  return [
    ...names.filter((name) => !text.includes(name)).map((name) => `it names every method, got no ${name}`),
    ...terms.filter(({ name }) => !text.includes(name)).map(({ name }) => `it names every term, got no ${name}`),
    ...(mermaid.startsWith("flowchart") ? [] : ["it draws a flowchart, got none"]),
  ];
}
