// Usage: what a gate tells of its container's cgroup, in the units of the task's log.

export interface Usage {
  /** The most memory that the container held at once, its page cache included. */
  memoryPeakBytes?: number;
  /** Processor time of all that ran in the container. */
  cpuSeconds?: number;
}

const perSecond = { us: 1e6, ns: 1e9 };

/** The usage of a line "usage BYTES TIME UNIT", of which the kernel may not tell all ("-"); undefined if it is none. */
export function parseUsage(line: string): Usage | undefined {
  const match = /^usage (-|\d{1,15}) (-|\d{1,20}) (us|ns)$/.exec(line);
  if (match === null) return undefined;
  const [, bytes, time, unit] = match;
  const seconds = Number(time) / perSecond[unit as keyof typeof perSecond];
  return {
    ...(bytes === "-" ? {} : { memoryPeakBytes: Number(bytes) }),
    ...(time === "-" ? {} : { cpuSeconds: Math.round(seconds * 1000) / 1000 }),
  };
}
