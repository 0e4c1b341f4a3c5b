// Names: whatever files, paths, patterns and URLs are called, what comes up and what comes down is what a plain copy makes of them.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { rollDice } from "../../support/random-tasks.ts";
import { findFtpServers, startVsftpd } from "../ftp-server.ts";
import { startKeyServer } from "../key-server.ts";
import { startMinio } from "../minio.ts";
import { type Difference, stageCase, uploadCase } from "./cases.ts";
import { fileStore, ftpStore, keyStore, minioStore, type Store, webStore } from "./stores.ts";

const given = (name: string, otherwise: number): number => Number(process.env[name] ?? otherwise);
const count = given("TESPOD_RANDOM_NAMES", 300);
const seed = given("TESPOD_RANDOM_SEED", Date.now() % 1_000_000);
/** One of them only, to look at what differed. */
const only = process.env["TESPOD_RANDOM_ONLY"];

const stores: Store[] = [];
const scratch = mkdtempSync(join(tmpdir(), "tespod-names-"));
const servers = new AsyncDisposableStack();

beforeAll(async () => {
  stores.push(keyStore(servers.use(startKeyServer())), servers.use(webStore()).store);
  const claim = mkdtempSync(join(tmpdir(), "tespod-names-claim-"));
  servers.defer(() => rmSync(claim, { recursive: true, force: true }));
  stores.push(fileStore(claim));
  const minio = servers.use(await startMinio());
  stores.push(minioStore(minio, await minio.makeBucket()));
  const ftp = await findFtpServers();
  if ("root" in ftp) stores.push(ftpStore(servers.use(await startVsftpd(ftp.root))));
  else console.log(`Names on FTP are not tested: ${ftp.missing}`);
}, 900_000);
afterAll(async () => {
  await servers.disposeAsync();
  rmSync(scratch, { recursive: true, force: true });
});

const casesOf = { upload: uploadCase, stage: stageCase };

async function differenceIn(
  index: number,
): Promise<(Difference & { index: number; title: string }) | undefined> {
  const dice = rollDice(seed + index * 7919);
  const weighted = stores.flatMap((store) => Array.from({ length: store.weight }, () => store));
  const store = dice.pick(weighted);
  const direction = dice.pick(["upload", "stage"] as const);
  const difference = await casesOf[direction]({ dice, store, place: `c${index}`, scratch });
  return difference && { index, title: `${direction} ${store.name}`, ...difference };
}

const DIFFERENCES_MAX = 5;

test(
  `${count} of seed ${seed} (TESPOD_RANDOM_NAMES, TESPOD_RANDOM_SEED, TESPOD_RANDOM_ONLY) come to be what a plain copy makes of them`,
  async () => {
    const differences: object[] = [];
    const indexes = only === undefined ? Array.from({ length: count }, (_, index) => index) : [Number(only)];
    for (const index of indexes) {
      if (differences.length >= DIFFERENCES_MAX) break;
      if (index > 0 && index % 1000 === 0) console.log(`${index} of ${count}`);
      const difference = await differenceIn(index);
      if (difference) differences.push(difference);
    }
    expect(differences).toEqual([]);
  },
  Math.max(60_000, count * 200),
);
