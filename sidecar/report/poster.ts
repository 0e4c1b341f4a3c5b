// Poster: carries journal lines to the service, in order, as soon as it takes them.
import * as v from "valibot";
import { type ReportRefusal, reportAnswerSchema, reportRefusalSchema } from "../contract/report.ts";
import { signatureHeader } from "../contract/token.ts";
import { sleep, within } from "../within.ts";
import type { JournalLine } from "./journal.ts";

export interface PosterSettings {
  url: string;
  /** The signature of a body; see token.ts. */
  sign(body: string): string;
  /** Called when the service asks to stop: the task is cancelled, or its pod is another one by now. */
  onCancel(): void;
  /** First and greatest pause between attempts that failed. */
  firstPauseMilliseconds?: number;
  lastPauseMilliseconds?: number;
}

export interface Poster {
  /** Takes a line for the next POST. Never waits, never throws. */
  push(line: JournalLine): void;
  /** Waits until the service holds every line, will not take them, or the time is up. True if it holds all. */
  settle(milliseconds: number): Promise<boolean>;
  /** Resolves when the service has acknowledged the line of that number; never if it will not. */
  acknowledged(sequence: number): Promise<void>;
}

const BATCH_BYTES_MAX = 1024 * 1024;
/** With this much waiting the service is left to read the journal. */
const QUEUE_BYTES_MAX = 8 * 1024 * 1024;
const ATTEMPT_MILLISECONDS_MAX = 10_000;

type Answer = "refused" | { acknowledged: number };

/**
 * One POST is under way at a time; lines that arrive meanwhile go together into the next. A POST that fails is repeated with
 * growing pauses. The lines of one source only: its numbers are what the service acknowledges.
 */
export function createPoster(settings: PosterSettings): Poster {
  let waiting: JournalLine[] = [];
  let waitingBytes = 0;
  let refused = false;
  let running: Promise<void> | undefined;
  const awaited = new Map<number, PromiseWithResolvers<void>>();

  function acknowledge(last: number): void {
    waiting = waiting.filter(({ sequence }) => sequence > last);
    for (const [sequence, { resolve }] of awaited) if (sequence <= last) resolve();
  }

  const giveUp = (): void => {
    refused = true;
    waiting = [];
  };

  /** One POST; true if the service took some of what waits. */
  async function attempt(): Promise<boolean> {
    const [oldest] = waiting;
    const answer = await post(firstBatch(waiting), settings);
    if (answer === "refused") giveUp();
    else acknowledge(answer.acknowledged);
    waitingBytes = waiting.reduce((sum, { line }) => sum + line.length, 0);
    // Not by the number that waits: others came meanwhile.
    return waiting[0] !== oldest;
  }

  async function run(): Promise<void> {
    for (let failures = 0; waiting.length > 0; ) {
      failures = (await attempt().catch(() => false)) ? 0 : failures + 1;
      if (failures > 0) await sleep(pauseMilliseconds(failures, settings));
    }
    running = undefined;
  }

  return {
    push(line) {
      if (refused) return;
      waitingBytes += line.line.length;
      if (waitingBytes > QUEUE_BYTES_MAX) return giveUp();
      waiting.push(line);
      running ??= run();
    },
    async settle(milliseconds) {
      await within(milliseconds, running ?? Promise.resolve());
      return !refused && waiting.length === 0;
    },
    acknowledged(sequence) {
      const each = awaited.get(sequence) ?? Promise.withResolvers<void>();
      awaited.set(sequence, each);
      return each.promise;
    },
  };
}

/** Between half and the whole of what doubling gives, so that many pods do not come back in step. */
function pauseMilliseconds(failures: number, settings: PosterSettings): number {
  const { firstPauseMilliseconds = 200, lastPauseMilliseconds = 15_000 } = settings;
  return (
    Math.min(firstPauseMilliseconds * 2 ** (failures - 1), lastPauseMilliseconds) * (0.5 + Math.random() / 2)
  );
}

function firstBatch(lines: readonly JournalLine[]): string {
  let batch = "";
  for (const { line } of lines) {
    if (batch !== "" && batch.length + line.length > BATCH_BYTES_MAX) break;
    batch += `${line}\n`;
  }
  return batch;
}

async function post(body: string, { url, sign, onCancel }: PosterSettings): Promise<Answer> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/x-ndjson", [signatureHeader]: sign(body) },
    body,
    redirect: "error",
    signal: AbortSignal.timeout(ATTEMPT_MILLISECONDS_MAX),
  });
  const text = await response.text();
  if (!response.ok) {
    const refused = refusalIn(text);
    if (refused === undefined) throw new Error(`The service answered ${response.status}`);
    if (refused === "attempt") onCancel();
    return "refused";
  }
  const answer = v.parse(reportAnswerSchema, JSON.parse(text));
  if (answer.cancel) onCancel();
  return answer;
}

/** What the service itself refuses; undefined for whatever a proxy, a gateway or a broken service answers. */
function refusalIn(text: string): ReportRefusal["refused"] | undefined {
  try {
    return v.parse(reportRefusalSchema, JSON.parse(text)).refused;
  } catch {
    return undefined; // not the service's own words
  }
}
