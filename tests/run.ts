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

/** Two files wait for minutes on end. */
const silenceSeconds = 620;
const silentWatch = "tests/with-cluster/kubernetes/silent-watch.test.ts";
const lostNode = "tests/with-cluster/failures/lost-node.test.ts";
/** These deploy services and run tasks. */
const e2e = "tests/with-cluster/e2e/";
const failures = "tests/with-cluster/failures/";
/** These take the node, or the whole cluster, from under everybody else. */
const disruptions = "tests/with-cluster/disruptions/";
const noApiServer = "tests/with-cluster/disruptions/api-server.test.ts";

const without = (...patterns: readonly string[]): string[] =>
  patterns.map((pattern) => `--path-ignore-patterns=${pattern}`);
const all = (folder: string): string => `${folder}**`;

/**
 * What mostly waits, for minutes or for tasks, beside what mostly computes. Disruptions when all others have ended, but for the silent
 * watch: only without the API server it cannot be.
 */
async function runAll(folder: string): Promise<Result[]> {
  const silence = run(folder, "silent-watch", [silentWatch]);
  const others = await Promise.all([
    run(folder, "lost-node", [lostNode]),
    run(folder, "e2e", [e2e]),
    run(folder, "failures", [...without(lostNode), failures]),
    run(folder, "without-tasks", without(silentWatch, ...[e2e, failures, disruptions].map(all))),
  ]);
  const disrupted = await run(folder, "disruptions", [...without(noApiServer), disruptions]);
  return [...others, disrupted, await silence, await run(folder, "api-server", [noApiServer])];
}

interface Result {
  readonly code: number;
  readonly counts: Counts;
  /** Titles of the tests that failed. */
  readonly failed: readonly string[];
}

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
    const results = filters.length > 0 ? [await run(folder, "filtered", filters)] : await runAll(folder);
    const titles = results.flatMap(({ failed }) => failed);
    if (titles.length > 0) console.log(`\nFailed:\n${titles.map((title) => `  ${title}`).join("\n")}`);
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
async function run(folder: string, name: string, args: readonly string[]): Promise<Result> {
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
  const junit = readFileSync(file, "utf8");
  return { code, counts: countsOf(junit), failed: failedIn(junit) };
}

/** The runs write into one another's output: what failed is said once more at the end. */
const failedIn = (junit: string): string[] =>
  [...junit.matchAll(/<testcase ([^>]*[^/])>\s*<failure/g)].map(([, attributes = ""]) => {
    const value = (name: string) => new RegExp(`\\b${name}="([^"]*)"`).exec(attributes)?.[1] ?? "";
    return `${value("file")}: ${value("name")}`;
  });

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
