// When the scheduler's words are others, and when only its figures are.
import { expect, test } from "bun:test";
import { causesOf } from "../../src/reconcile/waiting.ts";

const preemption = "preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.";

test.each([
  {
    title: "figures",
    one: "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable.",
    other: "0/4 nodes are available: 3 Insufficient cpu, 1 node(s) were unschedulable.",
    same: true,
  },
  {
    title: "their order, which goes by the figures",
    one: "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable.",
    other: "0/3 nodes are available: 1 node(s) were unschedulable, 2 Insufficient cpu.",
    same: true,
  },
  {
    title: "what it tried",
    one: `0/3 nodes are available: 3 Insufficient cpu. ${preemption}`,
    other:
      "0/3 nodes are available: 3 Insufficient cpu. preemption: 0/3 nodes are available: 3 No victims found.",
    same: true,
  },
  {
    title: "a cause",
    one: "0/3 nodes are available: 3 Insufficient cpu.",
    other: "0/3 nodes are available: 3 Insufficient memory.",
    same: false,
  },
  {
    title: "a cause more",
    one: "0/3 nodes are available: 3 Insufficient cpu.",
    other: "0/3 nodes are available: 1 node(s) were unschedulable, 2 Insufficient cpu.",
    same: false,
  },
])("where $title differs the causes are the same: $same", ({ one, other, same }) => {
  expect(causesOf(one) === causesOf(other)).toBe(same);
});
