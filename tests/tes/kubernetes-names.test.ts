// Names and labels as the API server takes them: each bad one here is one that it refuses.
import { describe, expect, test } from "bun:test";
import { isLabelKey, isLabelValue, isObjectName } from "../../src/tes/kubernetes-names.ts";

describe.each([
  {
    kind: "the value of a label",
    is: isLabelValue,
    good: ["a", "A", "0", "m5.large", "eu-west_1", "a".repeat(63)],
    bad: ["", "-a", "a-", ".a", "a b", "a/b", "ä", "a".repeat(64), "a\n"],
  },
  {
    kind: "the key of a label",
    is: isLabelKey,
    good: ["zone", "Zone_1", "topology.kubernetes.io/zone", "a/B", `${"a".repeat(253)}/${"b".repeat(63)}`],
    bad: ["", "/", "a/", "/a", "a/b/c", "A/b", "a_b/c", "a..b/c", "-a", `${"a".repeat(254)}/b`, "a=b"],
  },
  {
    kind: "the name of an object",
    is: isObjectName,
    good: ["a", "system-node-critical", "a.b-c.0", "0"],
    bad: ["", "A", "a_b", "-a", "a-", "a..b", "a/b", "a".repeat(254)],
  },
])("$kind", ({ is, good, bad }) => {
  test.each(good)("%p", (text) => {
    expect(is(text)).toBe(true);
  });

  test.each(bad)("not %p", (text) => {
    expect(is(text)).toBe(false);
  });
});
