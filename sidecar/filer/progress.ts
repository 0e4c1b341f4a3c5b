// Progress: tells now and then how far a long staging or upload has come.
import { statSync } from "node:fs";
import type { ReportEvent } from "../contract/report.ts";

/** The first line; each later one comes after twice the time, so that a day has fourteen. */
const FIRST_MILLISECONDS = 10_000;
const BLOCK_BYTES = 512;

export interface Progress extends Disposable {
  /** How much there is to do, once it is known. */
  total: { files: number; bytes: number } | undefined;
  /** A file that grows as it is transferred. The result is to be called at its end. */
  grows(file: string): () => void;
}

interface Watched {
  phase: "staging" | "uploading";
  /** What is over. */
  done: { files: number; bytes: number };
  report(event: ReportEvent): void;
  firstMilliseconds?: number | undefined;
}

export function watchProgress({ phase, done, report, firstMilliseconds }: Watched): Progress {
  const growing = new Set<string>();
  const start = performance.now();
  let pause = firstMilliseconds ?? FIRST_MILLISECONDS;
  let timer = setTimeout(tell, pause);
  const progress: Progress = {
    total: undefined,
    grows(file) {
      growing.add(file);
      return () => growing.delete(file);
    },
    [Symbol.dispose]: () => clearTimeout(timer),
  };

  function tell(): void {
    const bytes = [...growing].reduce((sum, file) => sum + bytesIn(file), done.bytes);
    const seconds = Math.round((performance.now() - start) / 1000);
    const { total } = progress;
    report({ type: "progress", phase, files: done.files, bytes, seconds, ...(total ? { total } : {}) });
    pause *= 2;
    timer = setTimeout(tell, pause);
  }
  return progress;
}

/** What of it is on disk: some of its length may be set aside only. */
function bytesIn(file: string): number {
  const status = statSync(file, { throwIfNoEntry: false });
  return status ? Math.min(status.size, status.blocks * BLOCK_BYTES) : 0;
}
