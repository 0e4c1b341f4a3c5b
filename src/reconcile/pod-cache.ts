// PodCache: the pods as the list and the watch last told them. The watch is a hint, the list is the truth.

import type { V1Pod } from "@kubernetes/client-node";
import type { Cluster, ClusterError, PodChange } from "../cluster/cluster.ts";
import { podName } from "../pod/names.ts";
import { observe, type PodFacts } from "../pod/observe.ts";
import type { LastSight, Sight } from "./decide.ts";
import { createGonePods } from "./gone-pods.ts";

export interface PodCache {
  /** What is known of the pod of that attempt. */
  sight(task: string, attempt: number): Sight;
  /** The pod of that attempt as it was seen last, if it is gone. */
  last(task: string, attempt: number): LastSight | undefined;
  /** All known pods of the task. */
  podsOf(task: string): readonly PodFacts[];
  /** Takes in a pod that an API call returned, unless the watch has told of it already. */
  put(pod: V1Pod): void;
  /** The pod's deletion was asked for: no need to ask again before the watch says so. */
  markDeleting(pod: string): void;
  /**
   * Lists and watches until the signal ends it; yields the task of every pod that changed, appeared or went, and after the
   * first list also the tasks whose sight was "unknown" until then.
   */
  follow(signal: AbortSignal): AsyncIterable<string>;
}

interface Options {
  readonly selector: string;
  readonly onTrouble: (error: ClusterError) => void;
}

export function createPodCache(cluster: Cluster, { selector, onTrouble }: Options): PodCache {
  /** By pod name. */
  let known = new Map<string, PodFacts>();
  const byTask = new Map<string, Set<string>>();
  const gone = createGonePods();
  let listed = false;
  /** Tasks that were asked about before the first list: their pods may be gone, and then no list names them. */
  const unanswered = new Set<string>();

  function put(pod: V1Pod): PodFacts {
    const facts: PodFacts = { ...observe(pod), heardAt: new Date() };
    known.set(facts.name, facts);
    gone.forget(facts.name);
    const names = byTask.get(facts.task) ?? new Set();
    byTask.set(facts.task, names.add(facts.name));
    return facts;
  }

  function remove({ name, task }: PodFacts): void {
    known.delete(name);
    const names = byTask.get(task);
    names?.delete(name);
    if (names?.size === 0) byTask.delete(task);
  }

  function replace(pods: readonly V1Pod[]): Set<string> {
    const tasks = new Set([...known.values()].map(({ task }) => task));
    for (const task of unanswered) tasks.add(task);
    unanswered.clear();
    // How those ended that are not listed any more was not seen.
    for (const facts of known.values()) gone.remember(facts, false);
    known = new Map();
    byTask.clear();
    for (const pod of pods) tasks.add(put(pod).task);
    listed = true;
    return tasks;
  }

  /** Takes in a change; answers the tasks it touches. */
  function apply(change: PodChange): Iterable<string> {
    switch (change.type) {
      case "listed":
        return replace(change.pods);
      case "changed":
        return [put(change.pod).task];
      case "deleted": {
        const facts = observe(change.pod);
        if ((known.get(facts.name)?.uid ?? facts.uid) === facts.uid) {
          remove(facts);
          gone.remember(facts, true);
        }
        return [facts.task];
      }
    }
  }

  function sight(task: string, attempt: number): Sight {
    const facts = known.get(podName(task, attempt));
    if (facts !== undefined) return facts;
    if (listed) return "absent";
    unanswered.add(task);
    return "unknown";
  }

  return {
    sight,
    last: (task, attempt) => gone.last(podName(task, attempt)),
    podsOf: (task) => [...(byTask.get(task) ?? [])].flatMap((name) => known.get(name) ?? []),
    put(pod) {
      // The watch may have been faster than the answer, which is then the older of the two.
      const there = known.get(pod.metadata?.name ?? "");
      if (there === undefined || there.uid !== pod.metadata?.uid) put(pod);
    },
    markDeleting(pod) {
      const facts = known.get(pod);
      if (facts === undefined) return;
      const { deletionTime: _, ...rest } = facts; // that of a deletion before, if any
      known.set(pod, { ...rest, deleting: true });
    },
    async *follow(signal) {
      for await (const change of cluster.watchPods(selector, { onTrouble }, signal)) yield* apply(change);
    },
  };
}
