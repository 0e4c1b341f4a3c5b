// A hundred transfers through a proxy before vsftpd: each ends byte for byte or in words, and never in another file.
import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import PQueue from "p-queue";
import { stageInputs, uploadOutputs } from "../../sidecar/filer/filer.ts";
import type { StorageSettings } from "../../sidecar/filer/storage.ts";
import { reasonOf } from "../../sidecar/reason.ts";
import { rootsBelow } from "../../sidecar/roots.ts";
import { executor, makePlan } from "../step/scratch-pod.ts";
import { atEnd } from "../support/cleanups.ts";
import type { Fault } from "./fault-proxy.ts";
import { startFtpFaultProxy } from "./ftp-fault-proxy.ts";
import { type FtpServer, findFtpServers, startVsftpd, userIds } from "./ftp-server.ts";
import { noS3 } from "./no-s3.ts";

const found = await findFtpServers();
if ("missing" in found) console.log(`FTP's faults are not tested: ${found.missing}`);

const eighths = [0, 1, 2, 3, 4, 5, 6, 7, 8] as const;
const faults: Fault[] = [
  ...eighths.map((at) => ({ kind: "cut", at, how: "reset" }) as const),
  ...eighths.map((at) => ({ kind: "cut", at, how: "end" }) as const),
  ...([0, 5] as const).map((at) => ({ kind: "stall", at }) as const),
  ...[421, 425, 450, 552].map((status) => ({ kind: "status", status }) as const),
];
const rows = faults.flatMap((fault) =>
  (["down", "up"] as const).flatMap((direction) =>
    // Once, so that another attempt helps; and for ever.
    [1, Number.POSITIVE_INFINITY].map((times) => ({ fault, direction, times })),
  ),
);
type Row = (typeof rows)[number];

const storage: StorageSettings = {
  s3: noS3,
  patience: { stallMilliseconds: 2000, bytesPerSecondMin: 1 },
  retry: { attempts: 3, firstPauseMilliseconds: 1, lastPauseMilliseconds: 5 },
};

interface Laid {
  bytes: Buffer;
  /** What is in the target's place before. */
  before: Buffer | undefined;
  scratch: string;
  target: string;
}

/** The file where it comes from, on this side or the server's, and now and then an earlier one where it goes. */
function lay({ direction }: Row, server: FtpServer, index: number): Laid {
  const bytes = randomBytes(index % 3 === 0 ? 1_000_000 : 10_000);
  const scratch = mkdtempSync(join(tmpdir(), "tespod-ftp-faults-"));
  atEnd(() => rm(scratch, { recursive: true }));
  const [local, remote] = [join(scratch, "work/m0"), join(server.folder, "pub", `t${index}`)];
  for (const folder of [local, remote]) mkdirSync(folder, { recursive: true });
  const [source, target] = direction === "up" ? [local, remote] : [remote, local];
  writeFileSync(join(source, "file"), bytes);
  const before = direction === "up" && index % 4 < 2 ? Buffer.from("the earlier") : undefined;
  if (before) writeFileSync(join(target, "file"), before);
  for (const path of [remote, ...readdirSync(remote).map((name) => join(remote, name))])
    chownSync(path, ...userIds());
  return { bytes, before, scratch, target };
}

async function run(
  row: Row,
  server: FtpServer,
  index: number,
): Promise<{ row: Row; wrong: string | undefined; failure: string | undefined }> {
  const { fault, direction, times } = row;
  const laid = lay(row, server, index);
  const { bytes, scratch } = laid;
  const side = direction === "up" ? "request" : "answer";
  await using proxy = await startFtpFaultProxy(server.port, {
    fault,
    side,
    skip: 0,
    times,
    bytes: bytes.length,
  });
  const url = `ftp://127.0.0.1:${proxy.port}/pub/t${index}/file`;
  const file = { url, path: "/data/file", type: "FILE" as const };
  const plan = makePlan([executor(["true"])], {
    mounts: [{ path: "/data", folder: "m0", file: false }],
    ...(direction === "up" ? { outputs: [file] } : { inputs: [file] }),
  });
  const { signal } = new AbortController();
  const context = { plan, roots: rootsBelow(scratch), storage, signal, report: () => undefined };
  const transfer = direction === "up" ? uploadOutputs(context) : stageInputs(context);
  const failure = await transfer.then(() => undefined, reasonOf);
  return { row, failure, wrong: faultOf(laid, row, failure) };
}

/** What is wrong with how it ended, if anything is. */
function faultOf({ bytes, before, target }: Laid, { direction }: Row, failure: string | undefined) {
  const strangers = readdirSync(target).filter((name) => name !== "file");
  if (strangers.length > 0) return `${strangers} is left`;
  const path = join(target, "file");
  const there = existsSync(path) ? readFileSync(path) : undefined;
  const isWhole = there?.equals(bytes) ?? false;
  if (failure === undefined) return isWhole ? undefined : "the file is another";
  // The answer to the last command of an upload may be what was lost: then all of it is there.
  if (direction === "up" && isWhole) return undefined;
  const isAsBefore = before ? there?.equals(before) : !there;
  return isAsBefore ? undefined : `${there?.length} bytes are there of a transfer that failed`;
}

test.skipIf("missing" in found)(
  "of transfers by ftp with faults, none leaves a wrong file, and each failure says what it is",
  async () => {
    if (!("root" in found)) return;
    await using server = await startVsftpd(found.root);
    const queue = new PQueue({ concurrency: 8 });
    const outcomes = await queue.addAll(rows.map((row, index) => () => run(row, server, index)));
    expect(outcomes.filter(({ wrong }) => wrong !== undefined)).toEqual([]);
    const failures = outcomes.flatMap(({ failure }) => failure ?? []);
    console.log(`ftp: ${outcomes.length - failures.length} whole, ${failures.length} failed in words`);
    for (const failure of failures) expect(failure).toMatch(/^Cannot (stage|upload) ".*: .+/);
    // What strikes once is overcome, unless the server says that it will always be so.
    const once = outcomes.filter(({ row: { fault, times } }) => times === 1 && fault.kind !== "status");
    expect(once.filter(({ failure }) => failure !== undefined)).toEqual([]);
    expect(failures.length).toBeGreaterThan(20);
  },
  120_000,
);
