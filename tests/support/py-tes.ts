// py-tes, the Python client that others build on, in virtual environments that stay from run to run.
import { expect } from "bun:test";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ensurePython, mustRun } from "./python.ts";

/** The newest, and the one that snakemake and Toil pin. */
const pyTesVersions = ["1.1.4", "0.4.2"] as const;

const program = fileURLToPath(new URL("py_tes_round_trip.py", import.meta.url));

interface RoundTrip {
  readonly [key: string]: unknown;
}

type Login = { readonly token: string } | { readonly user: string; readonly password: string };

/** What a round trip through the service at `url` showed to that version; `image` has sh and cat. Rejects with its stderr. */
type PyTes = (url: string, image: string, login?: Login) => Promise<RoundTrip>;

interface PyTesClients {
  readonly clients: readonly { readonly version: string; readonly roundTrip: PyTes }[];
  /** Why there are none: this machine has no Python, or no way to packages. */
  readonly missing?: string;
}

/** The clients, installed at first use. Without them, says why on stderr. */
export async function findPyTes(): Promise<PyTesClients> {
  try {
    const clients: PyTesClients["clients"][number][] = [];
    for (const version of pyTesVersions) clients.push({ version, roundTrip: await prepare(version) });
    return { clients };
  } catch (error) {
    const missing = `py-tes cannot be installed: ${error instanceof Error ? error.message : error}`;
    console.error(`Tests with py-tes are skipped: ${missing}`);
    return { clients: [], missing };
  }
}

async function prepare(version: string): Promise<PyTes> {
  // 0.4 uses six without asking for it.
  const { bin } = await ensurePython({ name: `py-tes-${version}`, packages: [`py-tes==${version}`, "six"] });
  return async (url, image, login = {} as Login) =>
    JSON.parse(await mustRun(join(bin, "python"), [program, url, image, JSON.stringify(login)])) as RoundTrip;
}

/** What must be seen, by whatever runs the tasks. */
export const expectedRoundTrip = (version: string, name: string): RoundTrip => {
  const done = { state: "COMPLETE", name: "done", tags: { k: "v" }, codes: [0, 0], created: true };
  return {
    // 0.4 asks at the path of TES 0.x, and knows nothing of what 1.x has besides.
    info: { name, artifact: version.startsWith("0.") ? null : "tes", storage: expect.any(Array) },
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
