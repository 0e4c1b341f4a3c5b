// npm test: a cluster, the images, then every test; the closing line is "N passed, N failed".
// However it ends, but by kill -9, it leaves nothing; after that, the next run removes it.
import { readFileSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { type Cluster, ensureCluster } from "./cluster/cluster.ts";
import { buildImages } from "./cluster/images.ts";
import {
  beginRun,
  foldersLeft,
  killProcesses,
  removeFromCluster,
  removeOthers,
  removeRun,
} from "./support/run-remains.ts";
import { removeEnforcement } from "./with-cluster/disruptions/policy-enforcer.ts";
import { revive } from "./with-cluster/disruptions/revive.ts";

const help = `Usage: npm test [-- FILTER]...

Brings a Kubernetes cluster up if there is none (KUBECONFIG, else kind, else a local one), builds the images, runs every
test, or those whose path contains a filter. With Bun at hand "bun test" runs them on the cluster that is there.
`;

/** Two files wait for minutes on end. */
const silenceSeconds = 620;
const silentWatch = "tests/with-cluster/kubernetes/silent-watch.test.ts";
const lostNode = "tests/with-cluster/failures/lost-node.test.ts";
/** For namespaces of this run to go when it ends, of earlier ones before it begins, and for a cluster that was disturbed to answer. */
const [ownSeconds, othersSeconds, reviveSeconds] = [8, 120, 5];
/** A terminal's signal comes from npm too: within this time it is the same one. */
const sameMilliseconds = 1000;
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
async function runAll(standing: Standing): Promise<Result[]> {
  const silence = run(standing, "silent-watch", [silentWatch]);
  const others = await Promise.all([
    run(standing, "lost-node", [lostNode]),
    run(standing, "e2e", [e2e]),
    run(standing, "failures", [...without(lostNode), failures]),
    run(standing, "without-tasks", without(silentWatch, ...[e2e, failures, disruptions].map(all))),
  ]);
  const disrupted = await run(standing, "disruptions", [...without(noApiServer), disruptions]);
  return [...others, disrupted, await silence, await run(standing, "api-server", [noApiServer])];
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

/** What the run has come to know, for its end. */
interface Standing {
  readonly folder: string;
  readonly stop: AbortController;
  cluster?: Cluster;
}

async function main(filters: readonly string[], standing: Standing): Promise<number> {
  for (const left of foldersLeft(standing.folder)) await removeRun(left);
  const cluster = await ensureCluster();
  standing.cluster = cluster;
  console.log(`Cluster: ${cluster.kind} (${cluster.kubeconfig})`);
  await removeOthers(cluster, othersSeconds);
  await removeEnforcement(cluster);
  await buildImages(cluster);
  const results = filters.length > 0 ? [await run(standing, "filtered", filters)] : await runAll(standing);
  const titles = results.flatMap(({ failed }) => failed);
  if (titles.length > 0) console.log(`\nFailed:\n${titles.map((title) => `  ${title}`).join("\n")}`);
  const sum = (key: keyof Counts) => results.reduce((total, { counts }) => total + counts[key], 0);
  const [tests, failed, skipped] = [sum("tests"), sum("failures"), sum("skipped")];
  console.log(
    `\n${tests - failed - skipped} passed, ${failed} failed${skipped === 0 ? "" : `, ${skipped} skipped`}`,
  );
  return failed > 0 || tests === 0 || results.some(({ code }) => code !== 0) ? 1 : 0;
}

/** One run of Bun's test runner, and what its JUnit file counts. */
async function run({ folder, stop }: Standing, name: string, args: readonly string[]): Promise<Result> {
  stop.signal.throwIfAborted();
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
  // Detached, so that a terminal's Ctrl-C reaches it by us only.
  const child = Bun.spawn(command, {
    env,
    detached: true,
    stdin: "ignore",
    stdout: "inherit",
    stderr: "inherit",
  });
  const code = await child.exited;
  stop.signal.throwIfAborted();
  const junit = readFileSync(file, "utf8");
  return { code, counts: countsOf(junit), failed: failedIn(junit) };
}

/** The runs write into one another's output: what failed is said once more at the end. */
const failedIn = (junit: string): string[] =>
  [...junit.matchAll(/<testcase ([^>]*[^/])>\s*<failure/g)].map(([, attributes = ""]) => {
    const value = (name: string) => plain(new RegExp(`\\b${name}="([^"]*)"`).exec(attributes)?.[1] ?? "");
    return `${value("file")}: ${value("name")}`;
  });

const entities: Readonly<Record<string, string>> = { quot: '"', apos: "'", lt: "<", gt: ">", amp: "&" };
const plain = (text: string): string => text.replaceAll(/&(\w+);/g, (whole, name) => entities[name] ?? whole);

/** The totals of the outermost element. */
function countsOf(junit: string): Counts {
  const head = /<testsuites[^>]*>/.exec(junit)?.[0] ?? "";
  const count = (attribute: string) => Number(new RegExp(`\\b${attribute}="(\\d+)"`).exec(head)?.[1] ?? 0);
  return { tests: count("tests"), failures: count("failures"), skipped: count("skipped") };
}

/** Resolves with the exit code of the first signal that asks for the end; the second one ends all at once. */
function untilAsked({ folder, stop }: Standing): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  let askedAt: number | undefined;
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => {
      const code = 128 + constants.signals[signal];
      if (askedAt === undefined) {
        askedAt = Date.now();
        console.log(`\n${signal}: ending what runs, and removing what it made; once more to end at once`);
        stop.abort();
        resolve(code);
      } else if (Date.now() - askedAt > sameMilliseconds) {
        killProcesses(folder);
        process.exit(code);
      }
    });
  }
  return promise;
}

/** Leaves nothing of the run, here and in the cluster; says what it could not remove. */
async function finish({ folder, stop, cluster }: Standing): Promise<void> {
  await removeRun(folder);
  if (cluster === undefined) return;
  // Tests that end by themselves remove what they made; this is for those that could not.
  if (!stop.signal.aborted) return void (await removeFromCluster(cluster, folder, 0));
  await revive(cluster, reviveSeconds);
  const left = await removeFromCluster(cluster, folder, ownSeconds);
  if (left.length > 0) console.log(`Still being removed by the cluster: ${left.join(", ")}`);
}

const filters = process.argv.slice(2);
if (filters.includes("--help")) {
  process.stdout.write(help);
  process.exit(0);
}
const standing: Standing = { folder: beginRun(), stop: new AbortController() };
const complain = (what: string, error: unknown): void =>
  console.error(`${what}: ${error instanceof Error ? error.message : error}`);
const ran = main(filters, standing).catch((error: unknown) => {
  if (!standing.stop.signal.aborted) complain("Tests cannot run", error);
  return 1;
});
const code = await Promise.race([ran, untilAsked(standing)]);
await finish(standing).catch((error: unknown) => complain("Not all of the run is removed", error));
process.exit(code);
