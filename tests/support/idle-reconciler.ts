// The real reconciler over a store, without a cluster: it reads and saves, and what it decides is not carried out.
import { once } from "node:events";
import { createReconciler, type Reconciler } from "../../src/reconcile/reconcile.ts";
import type { TaskStore } from "../../src/store/store.ts";
import { makePolicy, silent } from "./make.ts";

export const createIdleReconciler = (store: TaskStore): Reconciler =>
  createReconciler({
    store,
    policy: makePolicy(),
    log: silent,
    clock: () => new Date(),
    pods: {
      sight: () => "absent",
      last: () => undefined,
      podsOf: () => [],
      put: () => undefined,
      markDeleting: () => undefined,
      async *follow(signal) {
        if (!signal.aborted) await once(signal, "abort");
        yield* [];
      },
    },
    actions: {
      createSlot: () => Promise.resolve(),
      act: () => Promise.resolve("rest"),
      removeStrangers: () => Promise.resolve(),
    },
  });
