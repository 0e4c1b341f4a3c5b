// A cluster that lives by a simulated clock, with simulated pods of one task and everything that can be out of order.
import type { V1Pod } from "@kubernetes/client-node";
import { ENV_RELEASE_WAIT } from "../../sidecar/contract/paths.ts";
import { type Cluster, ClusterError, type PodChange } from "../../src/cluster/cluster.ts";
import { StatusError } from "../../src/cluster/status-error.ts";
import { labels } from "../../src/pod/names.ts";
import { releaseWaitSeconds } from "../../src/pod/settings.ts";
import { type Fate, SimulatedPod } from "./simulated-pod.ts";

/** Numbers in [0, 1). */
export type Random = () => number;

/** Between the two, more often near to the least. */
const between = (random: Random, least: number, most: number): number =>
  least + (most - least) * random() ** 3;

/** What goes wrong, and for how many seconds at most. */
const outages = { frozen: 60, cut: 90, unwatched: 60, kubeletAway: 60 } as const;
type Outage = keyof typeof outages;

type Disturbance = Outage | "delete" | "delete-by-force" | "restart";

export class SimulatedCluster {
  now = 1_700_000_000;
  readonly pods: SimulatedPod[] = [];
  /** What the watch has to tell. */
  readonly changes: PodChange[] = [];
  readonly cluster: Cluster;
  private readonly until: Record<Outage, number> = { frozen: 0, cut: 0, unwatched: 0, kubeletAway: 0 };
  private readonly random: Random;
  private readonly waits: boolean;
  /** By how many seconds its clock is ahead of the service's. */
  private readonly skew: number;
  /** How often something goes wrong. */
  private readonly rate: number;
  private relist = false;

  /** `waits`: whether its pods wait for the service's word. */
  constructor(random: Random, waits: boolean) {
    [this.random, this.waits] = [random, waits];
    [this.skew, this.rate] = [(random() - 0.5) * 8, 0.02 + 0.1 * random()];
    this.cluster = {
      createPod: (pod) => Promise.resolve(this.create(pod)),
      deletePod: (name, { graceSeconds }) =>
        Promise.resolve(this.delete(this.named(name), graceSeconds === 0)),
      getPod: (name) => Promise.resolve(this.object(this.named(name))),
      readLog: (name, container) => this.readLog(this.named(name), container),
      createSecret: (secret) => Promise.resolve(secret),
      getSecret: () => Promise.resolve(undefined),
      watchPods: () => drain(this.changes),
    };
  }

  is(outage: Outage): boolean {
    return this.now < this.until[outage];
  }

  /** The whole truth, as after the watch was cut, and for a service that has just started. */
  list(): void {
    const there = this.pods.filter(({ gone }) => !gone);
    this.changes.push({ type: "listed", pods: there.flatMap((pod) => this.object(pod) ?? []) });
  }

  /** Goes on by so many seconds, in which something may go wrong; true if it is the service that is started anew. */
  goOn(seconds: number): boolean {
    this.now += seconds;
    const isRestarted = this.random() < this.rate && this.disturb();
    for (const pod of this.pods) {
      const before = JSON.stringify([pod.object(this.now - seconds, this.skew), pod.gone]);
      pod.live(this.now);
      if (JSON.stringify([this.object(pod), pod.gone]) !== before) this.tell(pod);
    }
    if (this.relist && !this.is("unwatched")) {
      this.relist = false;
      this.list();
    }
    return isRestarted;
  }

  private disturb(): boolean {
    const kinds: readonly Disturbance[] = [
      "delete-by-force",
      "delete-by-force",
      "delete",
      "frozen",
      "cut",
      "unwatched",
      "kubeletAway",
      "restart",
    ];
    const kind = kinds[Math.floor(this.random() * kinds.length)] ?? "cut";
    if (kind === "restart") return true;
    if (kind === "delete" || kind === "delete-by-force") {
      this.delete(
        this.pods.findLast(({ gone }) => !gone),
        kind === "delete-by-force",
      );
    } else {
      this.until[kind] = this.now + between(this.random, 1, outages[kind]);
      this.relist ||= kind === "unwatched";
    }
    return false;
  }

  private readonly named = (name: string) =>
    this.pods.find(({ attempt, gone }) => !gone && name === `tes-abc-${attempt}`);
  private readonly object = (pod: SimulatedPod | undefined) => pod?.object(this.now, this.skew);

  private tell(pod: SimulatedPod): void {
    const object = this.object(pod);
    if (object !== undefined && !this.is("unwatched"))
      this.changes.push({ type: pod.gone ? "deleted" : "changed", pod: object });
  }

  private delete(pod: SimulatedPod | undefined, force: boolean): void {
    if (pod === undefined) return;
    pod.delete(this.now, force);
    this.tell(pod);
  }

  private create(pod: V1Pod): V1Pod {
    const there = this.named(pod.metadata?.name ?? "");
    if (there !== undefined) return there.object(this.now, this.skew);
    const attempt = Number(pod.metadata?.labels?.[labels.attempt]);
    const base = {
      ...(this.waits ? pod : withoutWait(pod)),
      metadata: { ...pod.metadata, uid: `uid-${attempt}` },
    };
    const made = new SimulatedPod({
      base,
      attempt,
      fate: this.fate(),
      waitSeconds: this.waits ? releaseWaitSeconds : 0,
      now: this.now,
    });
    this.pods.push(made);
    return made.object(this.now, this.skew);
  }

  private fate(): Fate {
    const some = (least: number, most: number) => between(this.random, least, most);
    return {
      bound: this.random() < 0.05 ? Number.POSITIVE_INFINITY : some(0, 30),
      supervisor: some(0.1, 10),
      gate: some(0, 60),
      run: some(1, 60),
      kill: some(0, 12),
      obeys: this.random() < 0.8,
      lag: some(0, 3),
    };
  }

  private readLog(pod: SimulatedPod | undefined, container: string): Promise<string | undefined> {
    if (this.is("kubeletAway")) return Promise.reject(noAnswer());
    if (pod === undefined || this.now < pod.boundTime || container !== "supervisor")
      return Promise.resolve(undefined);
    // Of a container that has ended the log may be lost.
    if (pod.dead && this.random() < 0.3) return Promise.resolve(undefined);
    return Promise.resolve(pod.journal.map((report) => JSON.stringify(report)).join("\n"));
  }
}

async function* drain(changes: PodChange[]): AsyncGenerator<PodChange> {
  for (let change = changes.shift(); change !== undefined; change = changes.shift())
    yield await Promise.resolve(change);
}

function noAnswer(): ClusterError {
  const status = { code: 500, reason: "InternalError", message: "no route", retryAfterSeconds: undefined };
  return new ClusterError("unavailable", status.message, { cause: new StatusError(status) });
}

/** As a version makes it whose pods do not wait. */
const withoutWait = (pod: V1Pod): V1Pod => ({
  ...pod,
  spec: {
    ...pod.spec,
    containers: (pod.spec?.containers ?? []).map((each) => ({
      ...each,
      env: (each.env ?? []).filter(({ name }) => name !== ENV_RELEASE_WAIT),
    })),
  },
});
