// Hold: the time in which a pod's first executor cannot have started without our word. Pure.
import type { PodFacts } from "../pod/observe.ts";
import type { Run } from "../tes/record.ts";

/** So far apart the clocks of cluster and service may be, and so late the kubelet's view of a container. */
const toleranceSeconds = 5;
/** Not worth another save. */
const gainSecondsMin = 2;

type Hold = NonNullable<Run["hold"]>;

/** Of a pod that was just created, or was found: `before` it was asked for, and it cannot be younger than it says. */
export function holdOf({ holdSeconds, creationTime }: PodFacts, before: Date): Hold | undefined {
  if (holdSeconds === undefined) return undefined;
  const from = new Date(Math.min(before.getTime(), creationTime.getTime()));
  return { from: from.toISOString(), seconds: holdSeconds };
}

/** Once it is known on which node the pod is: nothing of it can have run while it waited for that. Both times are the cluster's. */
export function holdOnNode(
  hold: Hold | undefined,
  { creationTime, scheduledTime }: PodFacts,
): Hold | undefined {
  if (hold === undefined || scheduledTime === undefined) return hold;
  const waited = Math.max(0, scheduledTime.getTime() - creationTime.getTime());
  return { ...hold, from: new Date(Date.parse(hold.from) + waited).toISOString() };
}

/** The run after a look at the journal, begun at `time`, by which the first executor had not begun to wait. */
export function stillHeld(run: Run, time: Date): Run {
  const { hold, nodeName, ready, released } = run;
  if (hold === undefined || nodeName === undefined || ready || released > 0) return run;
  const gained = (time.getTime() - Date.parse(hold.from)) / 1000;
  return gained < gainSecondsMin ? run : { ...run, hold: { ...hold, from: time.toISOString() } };
}

/** Whether the first executor cannot have started by `now` unless we gave our word. `facts`: the pod as last seen. */
export function isHeld({ hold, nodeName }: Run, facts: PodFacts | undefined, now: Date): boolean {
  const known = nodeName === undefined && facts !== undefined ? holdOnNode(hold, facts) : hold;
  if (known === undefined) return false;
  return (now.getTime() - Date.parse(known.from)) / 1000 < known.seconds - toleranceSeconds;
}
