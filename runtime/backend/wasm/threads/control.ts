/**
 * The words by which the threads of a team talk: a small region at the start of the engine's shared memory.
 *
 * @module
 */

/** Most threads of a team: a reduction over the batch is cut into so many chunks. */
export const maximumThreads = 8;

/** Words of 32 bits between two that different threads write often: one cache line. */
const line = 16;

/** Positions of words of 32 bits. */
export interface Words {
  /** 1 + the thread that failed first, or 0. */
  readonly failed: number;
  /** How often a thread looks at a word before it sleeps. */
  readonly spins: number;
  /** Threads that have reached the barrier. */
  readonly arrived: number;
  /** Number of barriers passed. */
  readonly phase: number;
  /** Goes up with every call, message and the end: what workers sleep on. */
  readonly bell: number;
  /** 1 when workers are to end. */
  readonly stop: number;
  /** Messages sent to each worker. */
  readonly mail: number;
  /** What is called: program, segment, and number of samples. */
  readonly program: number;
  readonly segment: number;
  readonly count: number;
  /** Calls of thread t so far, at calls + t · callStep. */
  readonly calls: number;
  readonly callStep: number;
  /** Number of words. */
  readonly size: number;
}

/** Where the words are. Workers get this with their source, which refers to nothing outside itself. */
export const words: Words = {
  failed: 0,
  spins: 1,
  arrived: line,
  phase: 2 * line,
  bell: 3 * line,
  stop: 3 * line + 1,
  mail: 3 * line + 2,
  program: 4 * line,
  segment: 4 * line + 1,
  count: 4 * line + 2,
  calls: 5 * line,
  callStep: line,
  size: (5 + maximumThreads) * line,
};

/** Bytes of the region. */
export const controlBytes: number = 4 * words.size;
