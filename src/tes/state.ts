// The states of a task and the only table of which may follow which (TES 1.1, tesState).

export const states = [
  "UNKNOWN",
  "QUEUED",
  "INITIALIZING",
  "RUNNING",
  "PAUSED",
  "COMPLETE",
  "EXECUTOR_ERROR",
  "SYSTEM_ERROR",
  "CANCELED",
  "PREEMPTED",
  "CANCELING",
] as const;

export type State = (typeof states)[number];

const ends: readonly State[] = ["COMPLETE", "EXECUTOR_ERROR", "SYSTEM_ERROR", "PREEMPTED", "CANCELING"];

/**
 * QUEUED may end at once: a pod can finish before its first report or watch event arrives. INITIALIZING goes back to
 * QUEUED when a pod that released no executor was lost and another is owed. UNKNOWN and PAUSED are never entered.
 */
const successors: Readonly<Record<State, readonly State[]>> = {
  UNKNOWN: [],
  PAUSED: [],
  QUEUED: ["INITIALIZING", "RUNNING", "CANCELED", ...ends],
  INITIALIZING: ["QUEUED", "RUNNING", ...ends],
  RUNNING: ends,
  CANCELING: ["CANCELED"],
  COMPLETE: [],
  EXECUTOR_ERROR: [],
  SYSTEM_ERROR: [],
  CANCELED: [],
  PREEMPTED: [],
};

export const mayFollow = (from: State, to: State): boolean => successors[from].includes(to);

/** A terminal state never changes. */
export const isTerminal = (state: State): boolean => successors[state].length === 0;
