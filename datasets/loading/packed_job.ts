import type { ImageSource } from "../../dsl/data.ts";
import type { Job } from "./job.ts";

/** A job as it is sent to a worker: a message of one text is cloned five times as fast as one of many objects. */
export interface PackedJob extends Omit<Job, "sources"> {
  readonly sources?: PackedSources;
}

interface PackedSources {
  /** All paths, with a zero between two. */
  readonly paths: string;
  /** Start and length in bytes of each stretch of a file; NaN for whole files. Left out if all are whole. */
  readonly stretches?: Float64Array;
  /** Contents of those that are in memory. Left out if none is. */
  readonly bytes?: readonly (Uint8Array | undefined)[];
}

/** Makes a job small to send. */
export function packJob(job: Job): PackedJob {
  const { sources, ...rest } = job;
  if (sources === undefined) return rest;
  const bytes = sources.map((source) => "bytes" in source ? source.bytes : undefined);
  const stretches = sources.flatMap((source) =>
    "from" in source ? [source.from ?? NaN, source.length ?? NaN] : [NaN, NaN]
  );
  return {
    ...rest,
    sources: {
      paths: sources.map(({ path }) => path).join("\u0000"),
      ...(stretches.every(Number.isNaN) ? {} : { stretches: Float64Array.from(stretches) }),
      ...(bytes.every((content) => content === undefined) ? {} : { bytes }),
    },
  };
}

/** The job that was packed. */
export function unpackJob({ sources, ...rest }: PackedJob): Job {
  if (sources === undefined) return rest;
  const { paths, stretches, bytes } = sources;
  return {
    ...rest,
    sources: paths.split("\u0000").map((path, i): ImageSource => {
      const content = bytes?.[i];
      if (content !== undefined) return { path, bytes: content };
      const [from = NaN, length = NaN] = stretches?.subarray(2 * i, 2 * i + 2) ?? [];
      return Number.isNaN(length) ? { path } : { path, from, length };
    }),
  };
}
