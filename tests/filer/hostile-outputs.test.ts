// What executors may leave behind on purpose: nothing of it makes the upload hang, read elsewhere, or store what was not there.

import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ReportEvent } from "../../sidecar/contract/report.ts";
import { uploadOutputs } from "../../sidecar/filer/filer.ts";
import { reasonOf } from "../../sidecar/reason.ts";
import { rootsBelow } from "../../sidecar/roots.ts";
import { executor, makePlan } from "../step/scratch-pod.ts";
import { atEnd } from "../support/cleanups.ts";
import type { WrittenPlan } from "../support/written-plan.ts";
import { useServers } from "./servers.ts";

const MIB = 1024 * 1024;

const servers = useServers();

interface Left {
  /** Local, of what the executors see as /data. */
  folder: string;
  bucket: string;
  upload(
    ...outputs: WrittenPlan["outputs"][number][]
  ): Promise<{ reason: string; notes: string[]; events: ReportEvent[] }>;
  stored(): Promise<Record<string, Buffer>>;
}

async function leave(): Promise<Left> {
  const scratch = mkdtempSync(join(tmpdir(), "tespod-hostile-"));
  // Some of it is deeper than a path can say.
  atEnd(async () => void spawnSync("rm", ["-rf", scratch]));
  const roots = rootsBelow(scratch);
  const folder = join(roots.work, "m0");
  mkdirSync(folder, { recursive: true });
  const bucket = await servers.minio.makeBucket();
  return {
    folder,
    bucket,
    async upload(...outputs) {
      const events: ReportEvent[] = [];
      const mounts = [{ path: "/data", folder: "m0", file: false }];
      const plan = makePlan([executor(["true"])], { outputs, mounts });
      const { signal } = new AbortController();
      const storage = { s3: servers.minio.settings };
      const report = (event: ReportEvent) => void events.push(event);
      const reason = await uploadOutputs({ plan, roots, storage, signal, report }).then(
        () => "done",
        reasonOf,
      );
      const notes = events.flatMap((event) => (event.type === "note" ? event.message : []));
      return { reason, notes, events };
    },
    async stored() {
      const objects: Record<string, Buffer> = {};
      for await (const { name } of servers.minio.client.listObjectsV2(bucket, "", true)) {
        objects[name] = Buffer.concat(
          (await Array.fromAsync(await servers.minio.client.getObject(bucket, name))) as Buffer[],
        );
      }
      return objects;
    },
  };
}

const folderTo = (url: string, path = "/data"): WrittenPlan["outputs"][number] => ({
  url,
  path,
  type: "DIRECTORY",
});
const fileTo = (url: string, path: string): WrittenPlan["outputs"][number] => ({ url, path, type: "FILE" });

describe("what is neither file nor folder", () => {
  const makers: Record<string, (path: string) => Promise<boolean>> = {
    fifo: async (path) => spawnSync("mkfifo", [path]).status === 0,
    "character device": async (path) => spawnSync("mknod", [path, "c", "1", "5"]).status === 0,
    "block device": async (path) => spawnSync("mknod", [path, "b", "7", "0"]).status === 0,
    socket: async (path) => {
      const server = createServer().listen(path);
      await once(server, "listening");
      atEnd(async () => void server.close());
      return true;
    },
  };

  test.each(Object.keys(makers))(
    "a %s is left out with a note, by name, by link, in a folder",
    async (kind) => {
      const { folder, bucket, upload, stored } = await leave();
      mkdirSync(join(folder, "in"));
      if (!(await makers[kind]?.(join(folder, "in/odd")))) return console.log(`No ${kind} can be made here`);
      symlinkSync("odd", join(folder, "in/link"));
      writeFileSync(join(folder, "in/file"), "fine");
      const { reason, notes } = await upload(
        folderTo(`s3://${bucket}/all`),
        fileTo(`s3://${bucket}/odd`, "/data/in/odd"),
        fileTo(`s3://${bucket}/link`, "/data/in/link"),
        fileTo(`s3://${bucket}/matches`, "/data/in/o*"),
      );
      expect(reason).toBe("done");
      expect(new Set(notes)).toEqual(
        new Set(
          ["odd", "link"].map(
            (name) => `"/data/in/${name}" is not uploaded: it is neither a file nor a folder`,
          ),
        ),
      );
      expect(await stored()).toEqual({ "all/in/file": Buffer.from("fine") });
    },
  );

  test("a file that turns into a fifo or a link while it is uploaded neither hangs nor leads elsewhere", async () => {
    const { folder, bucket, upload, stored } = await leave();
    const [file, fifo, link] = ["file", ".fifo", ".link"].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    writeFileSync(join(folder, "..", "secret"), "secret");
    let done = false;
    const turning = (async () => {
      while (!done) {
        for (const [name, make] of [
          [fifo, () => spawnSync("mkfifo", [fifo])],
          [link, () => symlinkSync("../secret", link)],
          [`${file}.new`, () => writeFileSync(`${file}.new`, "fine")],
        ] as const) {
          make();
          renameSync(name, file);
          await Bun.sleep(0);
        }
      }
    })();
    for (let turn = 0; turn < 40; turn += 1) await upload(fileTo(`s3://${bucket}/${turn}`, "/data/file"));
    done = true;
    await turning;
    for (const bytes of Object.values(await stored())) expect(["", "fine"]).toContain(bytes.toString());
  });
});

describe("a file that changes while it is uploaded", () => {
  test("and grows: what is stored is what was there when its size was taken, and that is what is told", async () => {
    const { folder, bucket, upload, stored } = await leave();
    const start = randomBytes(24 * MIB);
    writeFileSync(join(folder, "log"), start);
    let done = false;
    const growing = (async () => {
      while (!done) {
        appendFileSync(join(folder, "log"), randomBytes(10_000));
        await Bun.sleep(1);
      }
    })();
    const { reason, events } = await upload(fileTo(`s3://${bucket}/log`, "/data/log"));
    done = true;
    await growing;
    expect(reason).toBe("done");
    const [told] = events.flatMap((event) => (event.type === "uploaded" ? event.outputs : []));
    const { log = Buffer.of() } = await stored();
    expect(told?.sizeBytes).toBe(log.length);
    expect(log.length).toBeGreaterThanOrEqual(start.length);
    expect(log.equals(readFileSync(join(folder, "log")).subarray(0, log.length))).toBe(true);
  });

  test("and shrinks again and again: it is stored as it once was, or not at all", async () => {
    const { folder, bucket, upload, stored } = await leave();
    const whole = Buffer.alloc(6 * MIB, "x");
    writeFileSync(join(folder, "f"), whole);
    let done = false;
    const changing = (async () => {
      while (!done) {
        truncateSync(join(folder, "f"), 1000);
        await Bun.sleep(1);
        writeFileSync(join(folder, "f"), whole);
        await Bun.sleep(1);
      }
    })();
    const { events } = await upload(fileTo(`s3://${bucket}/f`, "/data/f"));
    done = true;
    await changing;
    const [told] = events.flatMap((event) => (event.type === "uploaded" ? event.outputs : []));
    expect((await stored())["f"]?.length).toBe(told?.sizeBytes);
  });
});

describe("names", () => {
  test("with line ends and of 255 bytes are kept; one that is no UTF-8 fails the task, and no other file", async () => {
    const { folder, bucket, upload, stored } = await leave();
    for (const name of ["a", "two\nlines\r", "ü".repeat(127), "z"]) writeFileSync(join(folder, name), name);
    writeFileSync(Buffer.concat([Buffer.from(`${folder}/m-`), Buffer.of(0xff)]), "lost");
    const words = 'Cannot upload "/data/m-\ufffd": its name is not UTF-8';
    const all = await upload(folderTo(`s3://${bucket}/all`));
    expect(all.reason).toStartWith(words);
    const matches = {
      url: `s3://${bucket}/matches`,
      path: "/data/*",
      type: "FILE" as const,
      pathPrefix: "/data/",
    };
    expect((await upload(matches)).reason).toStartWith(words);
    const names = ["a", "two\nlines\r", "ü".repeat(127), "z"];
    expect(Object.keys(await stored()).sort()).toEqual(
      [...names.map((name) => `all/${name}`), ...names.map((name) => `matches/${name}`)].sort(),
    );
  });

  test("so deep that no path can say them fail the task in words, and no other output", async () => {
    const { folder, bucket, upload, stored } = await leave();
    // Each half can be said, and one is moved below the other.
    const half = "dddd/".repeat(600);
    for (const name of ["deep", "lower"]) mkdirSync(join(folder, name, half), { recursive: true });
    writeFileSync(join(folder, "lower", half, "file"), "x");
    renameSync(join(folder, "lower"), join(folder, "deep", half, "lower"));
    writeFileSync(join(folder, "other"), "other");
    const { reason } = await upload(
      folderTo(`s3://${bucket}/deep`, "/data/deep"),
      fileTo(`s3://${bucket}/other`, "/data/other"),
    );
    expect(reason).toStartWith(`Cannot upload "/data/deep" to "s3://${bucket}/deep": ENAMETOOLONG`);
    expect(await stored()).toEqual({ other: Buffer.from("other") });
  });
});

describe("empty folders", () => {
  test("are kept in S3, as folders that hold nothing but such, and come back", async () => {
    const { folder, bucket, upload, stored } = await leave();
    mkdirSync(join(folder, "out/none/at all"), { recursive: true });
    mkdirSync(join(folder, "out/some"));
    mkdirSync(join(folder, "alone"));
    writeFileSync(join(folder, "out/some/file"), "fine");
    const { reason, notes, events } = await upload(
      folderTo(`s3://${bucket}/out/`, "/data/out"),
      folderTo(`s3://${bucket}/alone/`, "/data/alone"),
      fileTo(`s3://${bucket}/wild`, "/data/al*"),
    );
    expect({ reason, notes }).toEqual({ reason: "done", notes: [] });
    expect(await stored()).toEqual({
      "out/none/at all/": Buffer.of(),
      "out/some/file": Buffer.from("fine"),
      "alone/": Buffer.of(),
      "wild/alone/": Buffer.of(),
    });
    // They are no files, so they are not among the files of the log.
    const told = events.flatMap((event) => (event.type === "uploaded" ? event.outputs : []));
    expect(told.map(({ path }) => path)).toEqual(["/data/out/some/file"]);
  });

  test("are told of where storage knows none", async () => {
    const { folder, upload } = await leave();
    mkdirSync(join(folder, "out/none"), { recursive: true });
    writeFileSync(join(folder, "out/file"), "fine");
    const { reason, notes } = await upload(folderTo(`${servers.http.url}/out`, "/data/out"));
    expect({ reason, notes }).toEqual({
      reason: "done",
      notes: [
        `"/data/out/none" is not uploaded: it is an empty folder, and "${servers.http.url}/out/none" can hold none`,
      ],
    });
    expect(await (await fetch(`${servers.http.url}/out/file`)).text()).toBe("fine");
  });
});
