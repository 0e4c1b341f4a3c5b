// The service: configuration → store, cluster, reconciler, app → serve, until a signal ends it.
import { randomBytes } from "node:crypto";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import packageJson from "../package.json" with { type: "json" };
import { createApp } from "./api/app.ts";
import { createBodyBudget } from "./api/body-budget.ts";
import { createInternalApp } from "./api/internal.ts";
import { reportBodiesBytesMax, reportBytesMax } from "./api/reports.ts";
import { createAuthenticate } from "./authenticate.ts";
import type { Cluster } from "./cluster/cluster.ts";
import { connectKubernetes } from "./cluster/kubernetes.ts";
import { type Config, ConfigError, databaseDefault, readConfig } from "./config.ts";
import { createLogger, type Logger } from "./log.ts";
import { createMetrics } from "./metrics/metrics.ts";
import { podSelector } from "./pod/names.ts";
import { createActions } from "./reconcile/actions.ts";
import { createPodCache } from "./reconcile/pod-cache.ts";
import { createReconciler } from "./reconcile/reconcile.ts";
import { ensureReportKey } from "./report-key.ts";
import { serve } from "./serve.ts";
import { backupStore, openStore } from "./store/open.ts";
import type { TaskStore } from "./store/store.ts";
import { limits } from "./tes/limits.ts";

const help = `tespod ${packageJson.version}: GA4GH Task Execution Service for Kubernetes, one pod per task

Usage: tespod [--help | --version | --backup FILE]

--backup writes what the SQLite file of TESPOD_DATABASE holds to a new FILE, while the service runs.

All settings are environment variables. TESPOD_SIDECAR_IMAGE must be set, and who may use the API: TESPOD_AUTH_FILE, or
TESPOD_AUTH=none. docs/settings.md lists them.
Without KUBECONFIG it uses the service account of the pod it runs in.
`;

const clock = () => new Date();

async function main(): Promise<void> {
  const [argument, file] = process.argv.slice(2);
  if (argument === "--help") return void process.stdout.write(help);
  if (argument === "--version") return void process.stdout.write(`${packageJson.version}\n`);
  if (argument === "--backup") return backupStore(process.env["TESPOD_DATABASE"] || databaseDefault, file);
  const log = createLogger((line) => process.stderr.write(line), clock);
  const stopping = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => stopping.abort());
  await run(readConfig(process.env), log, stopping.signal);
}

async function run(config: Config, log: Logger, signal: AbortSignal): Promise<void> {
  const authenticate = config.authFile === undefined ? undefined : createAuthenticate(config.authFile, log);
  const metrics = createMetrics(clock);
  const store = metrics.store(await openStore(config.database, config.databasePassword));
  const cluster = metrics.cluster(
    connectKubernetes({ namespace: config.namespace, kubeconfig: config.kubeconfig }),
  );
  let reportKey: string | undefined;
  const tokenKey = await store.setting("page-token-key", () => randomBytes(32).toString("base64url"));
  const reconciler = metrics.reconciler(assemble(config, { store, cluster, log }));
  const shared = {
    store,
    reconciler,
    reportKey: () => reportKey,
    tokensBefore: await store.setting("signed-reports-since", () => clock().toISOString()),
    reportBodies: createBodyBudget(reportBodiesBytesMax),
    log,
    metrics,
    isReady: () => !signal.aborted,
  };
  const app = createApp({
    ...shared,
    podSettings: config.pods,
    bodies: createBodyBudget(config.bodiesBytesMax),
    tokenKey,
    internalSince: await store.setting("internal-port-since", () => clock().toISOString()),
    info: { ...config.info, version: packageJson.version },
    corsOrigins: config.corsOrigins,
    ...(authenticate === undefined ? {} : { authenticate }),
    clock,
  });
  const listen = (port: number, bodyBytesMax: number, { fetch }: typeof app) =>
    serve({ hostname: config.host, port, bodyBytesMax, fetch: (request) => fetch(request) });
  const internal = listen(config.internalPort, reportBytesMax, createInternalApp(shared));
  const server = listen(config.port, limits.bodyBytesMax, app);
  log.info("serving", {
    host: config.host,
    port: server.port,
    internalPort: internal.port,
    ...(authenticate === undefined ? { auth: "none" } : {}),
    namespace: config.namespace,
    instance: config.pods.instance,
  });
  // Tasks are taken from the first moment; their pods wait for the key that their reports are signed with.
  reportKey = await untilItWorks(
    () => ensureReportKey(cluster, config.pods.reportKeySecret, signal),
    log,
    signal,
  );
  if (reportKey !== undefined) await reconciler.run(signal);
  log.info("stopping");
  await Promise.all([server.stop(), internal.stop()]);
  await store.close();
}

function assemble(
  config: Config,
  { store, cluster, log }: { store: TaskStore; cluster: Cluster; log: Logger },
) {
  const pods = createPodCache(cluster, {
    selector: podSelector(config.pods.instance),
    onTrouble: (error) => log.warn("pods cannot be watched, will try again", { error }),
  });
  const actions = createActions({
    cluster,
    store,
    pods,
    log,
    settings: config.pods,
    clock,
    creates: config.creates,
  });
  return createReconciler({ store, pods, actions, policy: config.policy, log, clock });
}

/** At start the API server may be away, or the role not granted yet: say so, and try until it works or the signal ends it. */
async function untilItWorks<T>(
  work: () => Promise<T>,
  log: Logger,
  signal: AbortSignal,
): Promise<T | undefined> {
  for (let seconds = 0.5; !signal.aborted; seconds = Math.min(seconds * 2, 10)) {
    try {
      return await work();
    } catch (error) {
      log.warn("cluster is not usable yet, will try again", { seconds, error });
      await sleep(seconds * 1000, undefined, { signal }).catch(() => undefined); // the loop's condition sees the abort
    }
  }
  return undefined;
}

try {
  await main();
  process.exit(0);
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`${error instanceof ConfigError ? message : `tespod failed: ${message}`}\n`);
  process.exit(1);
}
