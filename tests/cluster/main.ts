/** The command line of the test cluster: `npm run cluster -- up`. */
import { mkdirSync } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { type Cluster, ensureCluster, explicitKubeconfig, findCluster } from "./cluster.ts";
import { takeDownGiven } from "./given/given.ts";
import { assembleContext, buildImages } from "./images.ts";
import { takeDownKind } from "./kind/kind.ts";
import { takeDown } from "./local/down.ts";
import { checkParts } from "./local/health.ts";
import { recordedDaemons } from "./local/process.ts";
import { findRemains } from "./local/remains.ts";
import { lockFile } from "./local/up.ts";
import { withLock } from "./lock.ts";
import { ensureRootfs } from "./rootfs.ts";
import { readSettings, type Settings } from "./settings.ts";
import { say } from "./shell.ts";

const help = `The Kubernetes cluster of the tests.

Usage: npm run cluster -- COMMAND [OPTION]...

Commands
  up            bring a cluster up, or heal it; prints its kubeconfig's path
  down          end it and all it left in the kernel; --purge: its state too, but not the built programs
  status        say what runs and whether it is healthy; exit code 0 if so, else 1
  images        build the images of the service and the sidecar and load them
                  --context FOLDER  only assemble the build context for the Containerfile there, with SBOMs, of the Debian
                                    packages that tests/cluster/rootfs.lock names and no others
                  --arch ARCH       for amd64 or arm64 (with --context or --fresh; may be repeated)
                  --fresh           with the newest Debian packages, which are written into rootfs.lock
  kubeconfig    print the kubeconfig's path of the cluster that is up

Which cluster: the one KUBECONFIG names; else one of kind, if kind is installed and Docker or podman answers;
else a local one of host processes, which needs root, Debian and Go 1.24. See tests/cluster/README.md.
`;

const commands: Record<string, (settings: Settings, options: Options) => Promise<number>> = {
  up,
  down,
  status,
  images,
  kubeconfig,
};

function readOptions() {
  return parseArgs({
    allowPositionals: true,
    options: {
      help: { type: "boolean", short: "h" },
      purge: { type: "boolean" },
      fresh: { type: "boolean" },
      context: { type: "string" },
      arch: { type: "string", multiple: true },
    },
  });
}

type Options = ReturnType<typeof readOptions>["values"];

async function main(): Promise<number> {
  const { values, positionals } = readOptions();
  if (values.help) {
    process.stdout.write(help);
    return 0;
  }
  const command = commands[positionals[0] ?? ""];
  if (command === undefined || positionals.length > 1) {
    say(help);
    return 2;
  }
  return await command(readSettings(), values);
}

async function up(settings: Settings): Promise<number> {
  print(describe(await ensureCluster(settings)));
  return 0;
}

async function down(settings: Settings, options: Options): Promise<number> {
  const given = explicitKubeconfig(settings);
  if (given !== undefined) {
    await takeDownGiven(settings, given);
    return 0;
  }
  const onWait = () => say("Waiting for another process that changes the cluster");
  await withLock(lockFile(settings), onWait, () => takeDown(settings, { purge: options.purge ?? false }));
  await takeDownKind(settings);
  const remains = findRemains(settings);
  for (const each of remains) {
    say(`Still there: ${each}`);
  }
  return remains.length === 0 ? 0 : 1;
}

async function status(settings: Settings): Promise<number> {
  const cluster = await findCluster(settings);
  const lines = cluster === undefined ? [] : describe(cluster);
  if (explicitKubeconfig(settings) === undefined && recordedDaemons(settings.stateFolder).length > 0) {
    for (const { name, fault } of await checkParts(settings)) {
      lines.push(`${name}: ${fault ?? "healthy"}`);
    }
  }
  print(lines);
  if (cluster === undefined) {
    say("No healthy cluster; start one with: npm run cluster -- up");
  }
  return cluster === undefined ? 1 : 0;
}

async function images(settings: Settings, options: Options): Promise<number> {
  const architectures = (options.arch ?? [process.arch === "arm64" ? "arm64" : "amd64"]).map(
    parseArchitecture,
  );
  for (const architecture of options.fresh ? architectures : []) {
    await ensureRootfs(settings.cacheFolder, architecture, "newest");
  }
  if (options.context === undefined) {
    const built = await buildImages(await ensureCluster(settings), settings);
    print(Object.values(built));
    return 0;
  }
  const folder = resolve(options.context);
  mkdirSync(folder, { recursive: true });
  for (const architecture of architectures) {
    await assembleContext(settings, architecture, folder, "pinned");
  }
  print([folder]);
  return 0;
}

async function kubeconfig(settings: Settings): Promise<number> {
  const cluster = await findCluster(settings);
  if (cluster === undefined) {
    say("No healthy cluster; start one with: npm run cluster -- up");
    return 1;
  }
  print([cluster.kubeconfig]);
  return 0;
}

function parseArchitecture(text: string): "amd64" | "arm64" {
  if (text !== "amd64" && text !== "arm64") {
    throw new Error(`Cannot build for "${text}": images are for amd64 or arm64`);
  }
  return text;
}

function describe({ kind, kubeconfig: file, s3 }: Cluster): string[] {
  const endpoints = `${s3.endpointFromHost} (pods: ${s3.endpointFromPods})`;
  return [`cluster: ${kind}`, `kubeconfig: ${file}`, `s3: ${endpoints}`];
}

/** At one stroke, so that a reader that wants only the first line may leave. */
function print(lines: string[]): void {
  process.stdout.write(lines.map((line) => `${line}\n`).join(""));
}

try {
  process.exitCode = await main();
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
