// py-tes, the Python client that others build on, in virtual environments that stay from run to run.
import { expect } from "bun:test";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

/** The newest, and the one that snakemake and Toil pin. */
const pyTesVersions = ["1.1.4", "0.4.2"] as const;

const folder = join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "tespod", "py-tes");
const program = fileURLToPath(new URL("py_tes_round_trip.py", import.meta.url));

interface RoundTrip {
  readonly [key: string]: unknown;
}

/** What a round trip through the service at `url` showed to that version; `image` has sh and cat. Rejects with its stderr. */
type PyTes = (url: string, image: string) => Promise<RoundTrip>;

interface PyTesClients {
  readonly clients: readonly { readonly version: string; readonly roundTrip: PyTes }[];
  /** Why there are none: this machine has no Python, or no way to packages. */
  readonly missing?: string;
}

/** The clients, installed at first use. Without them, says why on stderr. */
export async function findPyTes(): Promise<PyTesClients> {
  try {
    for (const version of pyTesVersions) await install(version);
  } catch (error) {
    const missing = `py-tes cannot be installed: ${error instanceof Error ? error.message : error}`;
    console.error(`Tests with py-tes are skipped: ${missing}`);
    return { clients: [], missing };
  }
  const roundTrip =
    (version: string): PyTes =>
    async (url, image) =>
      JSON.parse(await run(pythonOf(version), [program, url, image])) as RoundTrip;
  return { clients: pyTesVersions.map((version) => ({ version, roundTrip: roundTrip(version) })) };
}

const pythonOf = (version: string): string => join(folder, version, "bin", "python");

/** Whole or not at all: what was interrupted has no mark, and is made anew. */
async function install(version: string): Promise<void> {
  const home = join(folder, version);
  if (existsSync(join(home, "installed"))) return;
  await mkdir(folder, { recursive: true });
  await rm(home, { recursive: true, force: true });
  await run("python3", ["-m", "venv", home]);
  const pip = [
    "-m",
    "pip",
    "install",
    "--quiet",
    "--disable-pip-version-check",
    "--retries=1",
    "--timeout=20",
  ];
  // 0.4 uses six without asking for it.
  await run(pythonOf(version), [...pip, `py-tes==${version}`, "six"]);
  await mkdir(join(home, "installed"));
}

async function run(command: string, args: readonly string[]): Promise<string> {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], timeout: 300_000 });
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  if (child.exitCode === 0) return stdout;
  throw new Error(`${command} ${args.join(" ")} ended with ${child.exitCode ?? child.signalCode}: ${stderr}`);
}

/** What must be seen, by whatever runs the tasks. */
export const expectedRoundTrip = (version: string, name: string): RoundTrip => {
  const done = { state: "COMPLETE", name: "done", tags: { k: "v" }, codes: [0, 0], created: true };
  return {
    // 0.4 asks at a path that TES 1.x does not have.
    info: version.startsWith("0.") ? 404 : { name, artifact: "tes", storage: expect.any(Array) },
    done: "COMPLETE",
    failed: "EXECUTOR_ERROR",
    MINIMAL: {
      state: "COMPLETE",
      name: null,
      tags: null,
      content: null,
      codes: null,
      stdout: null,
      created: false,
    },
    BASIC: { ...done, content: null, stdout: null },
    FULL: { ...done, content: "hello", stdout: "hello" },
    code: [3],
    canceled: "CANCELED",
    still: "COMPLETE",
    listed: ["endless", "failed", "done"],
    names: ["done", "failed", "endless"],
    unknown: 404,
    refused: 400,
  };
};
