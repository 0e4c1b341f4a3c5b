// Clients of TES that are written in Python, from their registry, and what each shows of a service.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Ended, ensurePython, mustRun, runProgram } from "./python.ts";

/** The client; undefined after saying on stderr why there is none: this machine has no Python, or no way to packages. */
async function find<T>(name: string, prepare: () => Promise<T>): Promise<T | undefined> {
  try {
    return await prepare();
  } catch (error) {
    const reason = error instanceof Error ? error.message : error;
    console.error(`Tests with ${name} are skipped: it cannot be installed: ${reason}`);
    return undefined;
  }
}

/** pydantic-tes, which Galaxy and Pulsar build on: a round trip through the service, as an object; `image` has sh and cat. */
export const findPydanticTes = () =>
  find("pydantic-tes", async () => {
    const { bin } = await ensurePython({
      name: "pydantic-tes-0.4.0",
      packages: ["pydantic-tes==0.4.0", "requests"],
    });
    const program = fileURLToPath(new URL("pydantic_tes_round_trip.py", import.meta.url));
    return async (url: string, image: string): Promise<object> =>
      JSON.parse(await mustRun(join(bin, "python"), [program, url, image])) as object;
  });

/** What must be seen; `stdout` is that of the last executor. */
export const expectedPydanticRoundTrip = (stdout: string): object => ({
  info: "tes",
  state: "COMPLETE",
  codes: [0, 0, 0],
  stdout,
  types: ["FILE", "FILE"],
  failed: ["EXECUTOR_ERROR", [4]],
  still: "COMPLETE",
  listed: true,
});

export interface CwlRun {
  readonly url: string;
  /** Files by name, the tool and the job among them. */
  readonly files: Readonly<Record<string, string>>;
  readonly args: readonly string[];
}

/** cwl-tes: what it ended with, its outputs as JSON on stdout. It was last released in 2019 and needs tools of its time to be built. */
export const findCwlTes = () =>
  find("cwl-tes", async () => {
    const { bin } = await ensurePython({
      name: "cwl-tes-0.3.0",
      packages: ["cwl-tes==0.3.0", "py-tes==1.1.4"],
      buildTools: ["setuptools<58", "wheel"],
    });
    return ({ url, files, args }: CwlRun): Promise<Ended> =>
      inFolderOf(files, (folder) =>
        runProgram(join(bin, "cwl-tes"), ["--tes", url, ...args], {
          cwd: folder,
          // No user's own .netrc.
          env: { HOME: folder },
          seconds: 150,
        }),
      );
  });

export interface SnakemakeRun {
  readonly url: string;
  readonly snakefile: string;
  readonly args: readonly string[];
}

/** Snakemake with the executor plugin for TES and storage in S3: what it ended with. */
export const findSnakemake = () =>
  find("Snakemake", async () => {
    const { bin } = await ensurePython({
      name: "snakemake-9.27.1-tes-0.1.3",
      packages: [
        "snakemake==9.27.1",
        "snakemake-executor-plugin-tes==0.1.3",
        "snakemake-storage-plugin-s3",
        "six",
      ],
    });
    return ({ url, snakefile, args }: SnakemakeRun): Promise<Ended> =>
      inFolderOf({ Snakefile: snakefile, "funnel.log": "" }, (folder) =>
        runProgram(
          join(bin, "snakemake"),
          ["--executor", "tes", "--tes-url", `${url}/ga4gh/tes`, "--jobs", "1", "--verbose", ...args],
          {
            cwd: folder,
            // Where a task fails, the plugin opens funnel.log below GITHUB_WORKSPACE, and crashes without it.
            env: { HOME: folder, GITHUB_WORKSPACE: folder },
            seconds: 200,
          },
        ),
      );
  });

async function inFolderOf<T>(
  files: Readonly<Record<string, string>>,
  work: (folder: string) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "tespod-client-"));
  try {
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}
