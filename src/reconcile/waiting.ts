// Why a pod waits, and when that is worth another line of system_logs. Pure.
import type { Run } from "../tes/record.ts";

export interface WaitingReason {
  /** What its patience is counted for. */
  readonly reason: string;
  /** What may change of it while it stays the same reason. */
  readonly causes?: string;
  readonly message: string;
}

/** A pod waits for ever in a cluster that changes all the time: it tells of so many changes of causes and no more. */
const changesMax = 10;

/** What is to be kept of the reason when it is told now; undefined if it was told already. */
export function tell(
  known: Run["waiting"],
  { reason, causes }: WaitingReason,
  now: Date,
): Run["waiting"] | undefined {
  const changed = causes === undefined ? {} : { causes };
  if (known?.reason !== reason) return { reason, since: now.toISOString(), ...changed };
  const { changes = 0 } = known;
  if (causes === known.causes || changes >= changesMax) return undefined;
  return { ...known, ...changed, changes: changes + 1 };
}

/** The scheduler's causes, without how many nodes each holds for, and without what it tried: both change with every look. */
export const causesOf = (unschedulable: string): string =>
  (unschedulable.split(/ preemption: /)[0] ?? "")
    .replaceAll(/\d+/g, "")
    .split(/[:,.] /)
    .map((cause) => cause.replace(/\.$/, "").trim())
    .toSorted()
    .join(", ");
