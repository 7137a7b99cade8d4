/**
 * The site: the nets of a sentence as methods see them.
 *
 * @module
 */

import { type Arch, preActivation } from "./arch.ts";
import { channelsAt } from "./archs/mod.ts";
import type { Role } from "./graph.ts";
import type { Member, Site } from "./method.ts";
import type { AnyPipeline } from "./pipeline.ts";

/** The site of a normalised sentence. */
export function siteOf({ spec, archs }: Pick<AnyPipeline, "spec" | "archs">): Site {
  const members = spec.nets.map(({ id, role, view, arch }): Member => {
    return Object.freeze({ id, role, view, arch, ...tapsOf(archs[arch]!) });
  });
  const of = (role: Role): readonly Member[] => Object.freeze(members.filter((member) => member.role === role));
  return Object.freeze({
    members: Object.freeze(members),
    peers: of("peer"),
    leader: of("leader")[0],
    teachers: of("teacher"),
    students: of("student"),
    edges: spec.edges,
    clauses: spec.clauses,
  });
}

function tapsOf(arch: Arch): Pick<Member, "spots" | "channels" | "preActivations" | "width" | "stem"> {
  const { embedding: width = NaN, ...channels } = channelsAt(arch);
  const stem = arch.stages[0]?.spot;
  return {
    spots: arch.spots,
    channels: Object.freeze(arch.spots.map((spot) => channels[spot]!)),
    preActivations: Object.freeze(arch.spots.map((spot) => preActivation(arch, spot))),
    width,
    ...(stem === undefined || arch.spots.includes(stem) ? {} : { stem }),
  };
}
