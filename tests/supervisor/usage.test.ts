// parseUsage: what a gate tells of its container, whatever else the executor writes there.
import { expect, test } from "bun:test";
import { parseUsage, type Usage } from "../../sidecar/supervisor/usage.ts";

test.each<{ title: string; line: string; usage: Usage | undefined }>([
  {
    title: "cgroup version 2 counts microseconds",
    line: "usage 4096 1234567 us",
    usage: { memoryPeakBytes: 4096, cpuSeconds: 1.235 },
  },
  {
    title: "cgroup version 1 counts nanoseconds",
    line: "usage 4096 1234567890 ns",
    usage: { memoryPeakBytes: 4096, cpuSeconds: 1.235 },
  },
  { title: "no peak", line: "usage - 1000000 us", usage: { cpuSeconds: 1 } },
  { title: "no time", line: "usage 1 - us", usage: { memoryPeakBytes: 1 } },
  { title: "nothing at all", line: "usage - - us", usage: {} },
  { title: "another line", line: "exit 0", usage: undefined },
  { title: "no number", line: "usage 1e9 1 us", usage: undefined },
  { title: "a number too large to be one", line: `usage ${"9".repeat(30)} 1 us`, usage: undefined },
])("$title", ({ line, usage }) => {
  expect(parseUsage(line)).toEqual(usage);
});
