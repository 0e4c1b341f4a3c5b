// The text for Prometheus.
import { expect, test } from "bun:test";
import { createRegistry } from "../../src/metrics/registry.ts";

test("a counter, with labels and without, in the order of first use", async () => {
  const registry = createRegistry();
  const counter = registry.counter("calls_total", "Calls.");
  expect(await registry.text()).toBe("");
  counter.add({ kind: "b" });
  counter.add({ kind: 'a"\\\n' }, 2);
  counter.add({ kind: "b" });
  counter.add();
  expect(await registry.text()).toBe(`# HELP calls_total Calls.
# TYPE calls_total counter
calls_total{kind="b"} 2
calls_total{kind="a\\"\\\\\\n"} 2
calls_total 1
`);
});

test("a gauge is read when asked for; one that cannot be read is left out, and the others are there", async () => {
  const registry = createRegistry();
  let value = 1;
  registry.gauge("broken", "Broken.", () => Promise.reject(new Error("no store")));
  registry.gauge("thrown", "Broken.", () => {
    throw new Error("no store");
  });
  registry.gauge("age_seconds", "Age.", () => value);
  registry.gauge("tasks", "Tasks.", () => [{ labels: { state: "RUNNING" }, value: 3 }]);
  value = 2.5;
  expect(await registry.text()).toBe(`# HELP age_seconds Age.
# TYPE age_seconds gauge
age_seconds 2.5
# HELP tasks Tasks.
# TYPE tasks gauge
tasks{state="RUNNING"} 3
`);
});

test("a histogram's buckets hold all that is not above them", async () => {
  const registry = createRegistry();
  const histogram = registry.histogram("wait_seconds", "Waits.", [0.1, 1]);
  for (const value of [0.1, 0.5, 2]) histogram.observe(value, { of: "x" });
  expect(await registry.text()).toBe(`# HELP wait_seconds Waits.
# TYPE wait_seconds histogram
wait_seconds_bucket{of="x",le="0.1"} 1
wait_seconds_bucket{of="x",le="1"} 2
wait_seconds_bucket{of="x",le="+Inf"} 3
wait_seconds_sum{of="x"} 2.6
wait_seconds_count{of="x"} 3
`);
});

test("a label with values without end does not fill the memory", async () => {
  const registry = createRegistry();
  const counter = registry.counter("c", "C.");
  for (let number = 0; number < 5000; number++) counter.add({ number });
  expect((await registry.text()).split("\n").length).toBeLessThan(1100);
});
