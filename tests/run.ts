// npm test: a cluster, the images, then every test; the closing line is "N passed, N failed".
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureCluster } from "./cluster/cluster.ts";
import { buildImages } from "./cluster/images.ts";

const help = `Usage: npm test [-- FILTER]...

Brings a Kubernetes cluster up if there is none (KUBECONFIG, else kind, else a local one), builds the images, runs every
test, or those whose path contains a filter. With Bun at hand "bun test" runs them on the cluster that is there.
`;

/** One file sits still for more than ten minutes; it runs beside all others. */
const silenceSeconds = 620;
const slow = "tests/with-cluster/kubernetes/silent-watch.test.ts";

interface Counts {
  readonly tests: number;
  readonly failures: number;
  readonly skipped: number;
}

async function main(filters: readonly string[]): Promise<number> {
  const cluster = await ensureCluster();
  console.log(`Cluster: ${cluster.kind} (${cluster.kubeconfig})`);
  await buildImages(cluster);
  const folder = await mkdtemp(join(tmpdir(), "tespod-test-"));
  try {
    const runs =
      filters.length > 0
        ? [run(folder, "filtered", filters)]
        : [run(folder, "silent-watch", [slow]), run(folder, "all", [`--path-ignore-patterns=${slow}`])];
    const results = await Promise.all(runs);
    const sum = (key: keyof Counts) => results.reduce((total, { counts }) => total + counts[key], 0);
    const [tests, failed, skipped] = [sum("tests"), sum("failures"), sum("skipped")];
    console.log(
      `\n${tests - failed - skipped} passed, ${failed} failed${skipped === 0 ? "" : `, ${skipped} skipped`}`,
    );
    return failed > 0 || tests === 0 || results.some(({ code }) => code !== 0) ? 1 : 0;
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** One run of Bun's test runner, and what its JUnit file counts. */
async function run(
  folder: string,
  name: string,
  args: readonly string[],
): Promise<{ code: number; counts: Counts }> {
  const file = join(folder, `${name}.xml`);
  // A busy machine may take its time; what hangs is found all the same.
  const command = [
    process.execPath,
    "test",
    "--timeout=60000",
    "--reporter=junit",
    `--reporter-outfile=${file}`,
    ...args,
  ];
  const env = { ...process.env, TESPOD_TEST_SILENCE_SECONDS: String(silenceSeconds) };
  const child = Bun.spawn(command, { env, stdin: "ignore", stdout: "inherit", stderr: "inherit" });
  const code = await child.exited;
  return { code, counts: countsOf(readFileSync(file, "utf8")) };
}

/** The totals of the outermost element. */
function countsOf(junit: string): Counts {
  const head = /<testsuites[^>]*>/.exec(junit)?.[0] ?? "";
  const count = (attribute: string) => Number(new RegExp(`\\b${attribute}="(\\d+)"`).exec(head)?.[1] ?? 0);
  return { tests: count("tests"), failures: count("failures"), skipped: count("skipped") };
}

const filters = process.argv.slice(2);
if (filters.includes("--help")) {
  process.stdout.write(help);
  process.exit(0);
}
try {
  process.exit(await main(filters));
} catch (error) {
  console.error(`Tests cannot run: ${error instanceof Error ? error.message : error}`);
  process.exit(1);
}
