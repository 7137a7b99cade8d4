import { assert, assertEquals, assertThrows } from "@std/assert";
import { cohort, MissingRoleError, resnet20, resnet8, teacher, UnknownSpotError } from "../../dsl/mod.ts";
import { at, type AtOptions, sp } from "../../methods/mod.ts";
import { compile } from "./compile.ts";

const head = `import * as okd from "../dsl/mod.ts";
import { at, fitnet, kd, labelSmoothing, online, reviewkd, sp } from "../methods/mod.ts";
const { cohort, mobilenet_v2, resnet20, resnet8, solo, teacher } = okd;
declare function sakd<M extends okd.Method>(method: M & okd.Routable<M>): M;
`;

const accepted: Readonly<Record<string, string>> = {
  "distillers at spots of their own":
    `teacher(resnet20).student(resnet8).use(at()).use(sp({ weight: 1 })).use(kd({ ce: 1 }));`,
  "spots of two names": `teacher(resnet20).student(mobilenet_v2)
    .use(at({ at: [{ teacher: "layer3", student: "layer4" }, "layer1"] }));`,
  "routing over a distiller": `teacher(resnet20).student(resnet8).use(sakd(fitnet({ at: ["layer2"] })));`,
  "a distiller between peers": `cohort([resnet20, resnet8]).mutual().use(online(at({ at: ["layer3"] })));`,
  "routing between peers": `cohort(resnet8, 2).use(sakd(online(at())));`,
  "label smoothing of a net alone": `solo(resnet8).use(labelSmoothing({ smoothing: 0.2 }));`,
};

const refused: Readonly<Record<string, readonly [program: string, sentence: string]>> = {
  "a spot that the teacher lacks": [
    `teacher(resnet20).student(resnet8).use(at({ at: ["layer9"] }));`,
    "no spot 'layer9' in the teacher",
  ],
  "a spot that the student lacks": [
    `teacher(mobilenet_v2).student(resnet8).use(sp({ at: [{ teacher: "layer4", student: "layer4" }] }));`,
    "no spot 'layer4' in the student",
  ],
  "a distiller of peers": [`cohort(resnet8, 2).use(sp());`, "this method needs a teacher, and the sentence has none"],
  "a distiller between peers at a spot they lack": [
    `cohort(resnet8, 2).use(online(at({ at: ["layer9"] })));`,
    "no spot 'layer9' in the peer",
  ],
  "a method of one role between peers": [
    `cohort(resnet8, 2).use(online(labelSmoothing()));`,
    "online() puts peers in the places of teacher and student: choose a method that needs both",
  ],
  "a distiller between peers of a teacher and a student": [
    `teacher(resnet20).student(resnet8).use(online(at()));`,
    "this method needs a peer, and the sentence has none",
  ],
  "routing over a method without spots": [
    `teacher(resnet20).student(resnet8).use(sakd(reviewkd()));`,
    "this method has no spots to route: choose one that works at spots",
  ],
};

Deno.test("the checker knows the spots of distillers", () => {
  const programs = { ...accepted, ...Object.fromEntries(Object.entries(refused).map(([key, [text]]) => [key, text])) };
  const results = compile({
    "": head,
    ...Object.fromEntries(Object.entries(programs).map(([name, text]) => [name, head + text])),
  });
  for (const name of Object.keys(accepted)) assertEquals(results[name]!.text, "", name);
  for (const [name, [, sentence]] of Object.entries(refused)) {
    assert(results[name]!.text.includes(sentence), `${name}: ${results[name]!.text || "accepted"}`);
  }
});

Deno.test("run time refuses spots and roles of distillers in the same words", () => {
  const pair = teacher(resnet20).student(resnet8);
  const anywhere = (options: AtOptions): never => at(options) as never;
  assertThrows(() => pair.use(anywhere({ at: ["layer9"] })), UnknownSpotError, "no spot 'layer9' in the teacher");
  assertThrows(
    () => pair.use(anywhere({ at: [{ teacher: "layer3", student: "layer4" }] })),
    UnknownSpotError,
    "no spot 'layer4' in the student",
  );
  assertThrows(
    () => cohort(resnet8, 2).use(sp() as never),
    MissingRoleError,
    "this method needs a teacher, and the sentence has none",
  );
});
