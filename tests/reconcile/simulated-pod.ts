// A pod that lives by a simulated clock: its node, its supervisor, its first executor's gate. A stand-in for what reality cannot be
// made to do thousands of times: to be deleted, cut off and frozen at every moment.
import type { V1ContainerStatus, V1Pod } from "@kubernetes/client-node";
import type { Report, ReportEvent } from "../../sidecar/contract/report.ts";
import { executorEnded, makeReport } from "../support/make.ts";
import { containerEnded } from "./cluster-stand-in.ts";

/** What becomes of it if it is left alone, in seconds. */
export interface Fate {
  /** From its create to its node; Infinity: none can take it. */
  readonly bound: number;
  /** From there to its supervisor, and from there to the gate of its first executor. */
  readonly supervisor: number;
  readonly gate: number;
  /** How long its executor runs. */
  readonly run: number;
  /** How long the kubelet takes to end it once it is deleted; shorter than the executor waits for the service. */
  readonly kill: number;
  /** Whether its supervisor obeys a SIGTERM, and leaves its last words. */
  readonly obeys: boolean;
  /** How late the API server hears of what happens on the node. */
  readonly lag: number;
}

export interface Post {
  readonly attempt: number;
  readonly reports: readonly Report[];
}

interface Beginning {
  readonly base: V1Pod;
  readonly attempt: number;
  readonly fate: Fate;
  /** 0 for one that does not wait for the service. */
  readonly waitSeconds: number;
  readonly now: number;
}

export class SimulatedPod {
  readonly attempt: number;
  readonly journal: Report[] = [];
  released = false;
  /** Nothing of it lives on its node any more. */
  dead = false;
  /** It is in the API no more. */
  gone = false;
  deletionTime: number | undefined;
  private readonly base: V1Pod;
  private readonly fate: Fate;
  private waitSeconds: number;
  private readonly created: number;
  private acknowledged = 0;
  private asked: number | undefined;
  private releasedTime = 0;
  private killTime = Number.POSITIVE_INFINITY;
  private deadTime = Number.POSITIVE_INFINITY;
  private hasLastWords = false;

  constructor({ base, attempt, fate, waitSeconds, now }: Beginning) {
    [this.base, this.attempt, this.fate, this.waitSeconds] = [base, attempt, fate, waitSeconds];
    this.created = now;
  }

  get boundTime(): number {
    return this.created + this.fate.bound;
  }
  get supervisorTime(): number {
    return this.boundTime + this.fate.supervisor;
  }
  private supervises(now: number): boolean {
    return !this.dead && now >= this.supervisorTime;
  }

  /** What its supervisor would send now; undefined if there is nothing. */
  post(now: number): Post | undefined {
    const reports = this.journal.slice(this.acknowledged);
    return !this.supervises(now) || reports.length === 0 ? undefined : { attempt: this.attempt, reports };
  }

  /** The service's answer has come. */
  answered(
    answer: { readonly acknowledged: number; readonly cancel: boolean } | "over" | undefined,
    now: number,
  ): void {
    if (answer === undefined || this.dead) return;
    if (answer === "over" || answer.cancel) {
      this.end(now, true);
      return;
    }
    this.acknowledged = answer.acknowledged;
    const ready = this.journal.find(({ event }) => event.type === "ready");
    if (ready !== undefined && ready.sequence <= this.acknowledged) this.release(now);
  }

  delete(now: number, force: boolean): void {
    this.deletionTime ??= now;
    this.killTime = Math.min(this.killTime, now + this.fate.kill);
    if (force || now < this.boundTime) this.gone = true;
    if (now < this.boundTime) this.dead = true;
  }

  /** Goes on to that moment. */
  live(now: number): void {
    if (!this.dead && now >= this.killTime) this.end(now, this.fate.obeys && now >= this.supervisorTime);
    if (this.dead && this.deletionTime !== undefined && now >= this.deadTime + this.fate.lag)
      this.gone = true;
    if (!this.supervises(now)) return;
    if (this.journal.length === 0) this.say({ type: "staged", files: 0, bytes: 0, milliseconds: 0 });
    if (this.waitSeconds > 0 && this.asked === undefined && now >= this.supervisorTime + 5) this.promise();
    if (now >= this.supervisorTime + this.fate.gate) this.goOn(now);
  }

  /** As the supervisor does: first that it waits, and once that is acknowledged, that it will for longer. */
  private promise(): void {
    const waiting = this.journal.findLast(({ event }) => event.type === "waiting");
    if (waiting === undefined) this.say({ type: "waiting", seconds: this.waitSeconds });
    else if (this.waitSeconds < 600 && waiting.sequence <= this.acknowledged) {
      this.waitSeconds = 600;
      this.say({ type: "waiting", seconds: 600 });
    }
  }

  private goOn(now: number): void {
    if (this.released) {
      if (now >= this.releasedTime + this.fate.run) this.complete(now);
      return;
    }
    if (this.waitSeconds > 0 && this.asked === undefined) this.say({ type: "ready" });
    this.asked ??= now;
    if (now >= this.asked + this.waitSeconds) this.release(now);
  }

  private release(now: number): void {
    if (this.released || this.dead) return;
    [this.released, this.releasedTime] = [true, now];
    this.say({ type: "executor-started", executor: 0 });
  }

  private complete(now: number): void {
    this.say(executorEnded(0));
    this.say({ type: "finished", outcome: "complete" });
    this.hasLastWords = true;
    [this.dead, this.deadTime] = [true, now];
  }

  private end(now: number, hasLastWords: boolean): void {
    if (hasLastWords) this.say({ type: "finished", outcome: "interrupted" });
    this.hasLastWords = hasLastWords;
    [this.dead, this.deadTime] = [true, now];
  }

  private say(event: ReportEvent): void {
    this.journal.push(makeReport(this.journal.length + 1, event));
  }

  /** As the API server has it; its clock is `skew` seconds ahead. */
  object(now: number, skew: number): V1Pod {
    const known = now - this.fate.lag;
    const isBound = now >= this.boundTime;
    const grace =
      this.deletionTime === undefined
        ? {}
        : { deletionTimestamp: new Date(this.deletionTime * 1000 + 30_000) };
    return {
      ...this.base,
      metadata: { ...this.base.metadata, creationTimestamp: wholeSeconds(this.created + skew), ...grace },
      spec: { containers: [], ...this.base.spec, ...(isBound ? { nodeName: "n1" } : {}) },
      status: {
        conditions: isBound
          ? [
              {
                type: "PodScheduled",
                status: "True",
                lastTransitionTime: wholeSeconds(this.boundTime + skew),
              },
            ]
          : [],
        containerStatuses: known >= this.supervisorTime ? [this.supervisor(known)] : [],
      },
    };
  }

  private supervisor(known: number): V1ContainerStatus {
    const isEnded = this.dead && known >= this.deadTime;
    if (!isEnded) return { ...containerEnded("supervisor", 0, ""), state: { running: {} } };
    const status = containerEnded(
      "supervisor",
      this.hasLastWords ? 0 : 137,
      this.hasLastWords ? "Completed" : "Error",
    );
    const message = JSON.stringify({
      outcome: "interrupted",
      lastSequence: this.journal.length,
      released: Number(this.released),
    });
    const terminated = {
      exitCode: 137,
      ...status.state?.terminated,
      ...(this.hasLastWords ? { message } : {}),
    };
    return { ...status, state: { terminated } };
  }
}

const wholeSeconds = (seconds: number): Date => new Date(Math.floor(seconds) * 1000);
