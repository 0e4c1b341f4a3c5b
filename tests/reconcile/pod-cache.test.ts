// PodCache: what the list and the watch told, in every order they may come.
import { describe, expect, test } from "bun:test";
import type { V1Pod } from "@kubernetes/client-node";
import type { PodChange } from "../../src/cluster/cluster.ts";
import { labels } from "../../src/pod/names.ts";
import { createPodCache } from "../../src/reconcile/pod-cache.ts";
import { createStandIn } from "./cluster-stand-in.ts";

const pod = (task: string, uid = "u1", attempt = 1, nodeName?: string): V1Pod => ({
  metadata: { name: `tes-${task}-${attempt}`, uid, labels: { [labels.task]: task } },
  ...(nodeName === undefined ? {} : { spec: { nodeName, containers: [] } }),
});

/** A cache that was told the changes, and the tasks it named after each of them. */
async function told(
  changes: readonly PodChange[],
  before: (cache: ReturnType<typeof createPodCache>) => void = () => undefined,
) {
  const cluster = {
    ...createStandIn(),
    async *watchPods() {
      for (const change of changes) yield await Promise.resolve(change);
    },
  };
  const cache = createPodCache(cluster, { selector: "", onTrouble: () => undefined });
  before(cache);
  const tasks: string[] = [];
  for await (const task of cache.follow(new AbortController().signal)) tasks.push(task);
  return { cache, tasks };
}

const listed = (...pods: V1Pod[]): PodChange => ({ type: "listed", pods });
const changed = (one: V1Pod): PodChange => ({ type: "changed", pod: one });
const deleted = (one: V1Pod): PodChange => ({ type: "deleted", pod: one });

describe("sight", () => {
  test("is unknown before the first list, absent after it", async () => {
    const { cache } = await told([]);
    expect(cache.sight("a", 1)).toBe("unknown");
    const after = await told([listed()]);
    expect(after.cache.sight("a", 1)).toBe("absent");
  });

  test("is of one attempt", async () => {
    const { cache } = await told([listed(pod("a", "u1", 1), pod("a", "u2", 2))]);
    expect(cache.sight("a", 1)).toMatchObject({ uid: "u1" });
    expect(cache.sight("a", 2)).toMatchObject({ uid: "u2" });
    expect(cache.sight("a", 3)).toBe("absent");
    expect(cache.podsOf("a").map(({ uid }) => uid)).toEqual(["u1", "u2"]);
  });

  test("shows a pod that a call returned, list or not", async () => {
    const { cache } = await told([]);
    cache.put(pod("a"));
    expect(cache.sight("a", 1)).toMatchObject({ uid: "u1" });
  });

  test("shows what the watch told, also when the answer to the create comes after it", async () => {
    const { cache } = await told([listed(), changed(pod("a", "u1", 1, "n1"))]);
    cache.put(pod("a"));
    expect(cache.sight("a", 1)).toMatchObject({ nodeName: "n1" });
    cache.put(pod("a", "u2"));
    expect(cache.sight("a", 1)).toMatchObject({ uid: "u2" });
  });

  test("shows a deletion that was asked for, until the watch says otherwise", async () => {
    const { cache } = await told([listed(pod("a"))]);
    cache.markDeleting("tes-a-1");
    expect(cache.sight("a", 1)).toMatchObject({ deleting: true });
    const overdue = { ...pod("b"), metadata: { ...pod("b").metadata, deletionTimestamp: new Date(0) } };
    cache.put(overdue);
    cache.markDeleting("tes-b-1");
    expect(cache.sight("b", 1)).not.toHaveProperty("deletionTime");
    cache.markDeleting("tes-unknown-1");
    expect(cache.sight("unknown", 1)).toBe("absent");
  });
});

describe("changes", () => {
  test("a list drops what is not in it and names the tasks of what went, stayed and came", async () => {
    const { cache, tasks } = await told([
      listed(pod("went"), pod("stays")),
      listed(pod("stays"), pod("comes")),
    ]);
    expect(tasks).toEqual(["went", "stays", "went", "stays", "comes"]);
    expect(cache.sight("went", 1)).toBe("absent");
    expect(cache.podsOf("went")).toEqual([]);
    expect(cache.sight("comes", 1)).toMatchObject({ uid: "u1" });
  });

  test("the first list names also the tasks that were asked about before, once", async () => {
    const { tasks } = await told([listed(pod("there")), listed(pod("there"))], (cache) => {
      cache.sight("gone", 1);
      cache.sight("there", 1);
    });
    expect(tasks).toEqual(["gone", "there", "there"]);
  });

  test("a change takes the place of what was known", async () => {
    const { cache, tasks } = await told([listed(pod("a")), changed(pod("a", "u1", 1, "n1"))]);
    expect(tasks).toEqual(["a", "a"]);
    expect(cache.sight("a", 1)).toMatchObject({ nodeName: "n1" });
  });

  test("a deletion removes the pod", async () => {
    const { cache, tasks } = await told([listed(pod("a")), deleted(pod("a"))]);
    expect(tasks).toEqual(["a", "a"]);
    expect(cache.sight("a", 1)).toBe("absent");
    expect(cache.podsOf("a")).toEqual([]);
  });

  test("a late deletion of an older pod of the same name does not remove the newer one", async () => {
    const { cache } = await told([
      listed(pod("a", "old")),
      changed(pod("a", "new")),
      deleted(pod("a", "old")),
    ]);
    expect(cache.sight("a", 1)).toMatchObject({ uid: "new" });
  });
});
