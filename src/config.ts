// Config: the environment, read once, with every fault named at once.
import { readFileSync } from "node:fs";
import * as v from "valibot";
import type { ServiceInfo } from "./api/service-info.ts";
import { accessFault } from "./config/access.ts";
import { executorVariables } from "./config/executors.ts";
import { defaultAboveMaximum, resourceSettings, resourceVariables } from "./config/resources.ts";
import { fileLocations, storageFault, storageSettings, storageVariables } from "./config/storage.ts";
import { integer, list, origins, text, url, webUrl } from "./config/values.ts";
import { defined } from "./defined.ts";
import type { PodSettings, WorkVolume } from "./pod/settings.ts";
import type { Policy } from "./reconcile/decide.ts";

export interface Config {
  readonly host: string;
  readonly port: number;
  /** Where pods report and Prometheus reads; never the API's port. */
  readonly internalPort: number;
  /** File of the embedded store, or a postgres:// URL, which may hold a password: never to be shown. */
  readonly database: string;
  readonly databasePassword?: string;
  /** File of the users that may use the API. Absent only where the operator said that everybody may. */
  readonly authFile?: string;
  /** Sites whose pages may use the API from a browser; "*" for all. */
  readonly corsOrigins: readonly string[];
  /** Namespace of the task pods. */
  readonly namespace: string;
  /** Absent: the cluster that this process runs in. */
  readonly kubeconfig?: string;
  readonly pods: PodSettings;
  readonly policy: Policy;
  /** Bodies of clients' requests that are read at once. */
  readonly bodiesBytesMax: number;
  readonly creates: { readonly concurrency: number; readonly perSecond: number };
  /** What service-info says; the version is the program's own. */
  readonly info: Omit<ServiceInfo, "version">;
}

export const databaseDefault = "tespod.db";

/** What is wrong with the environment; its message lists every variable at fault. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

/** Every variable of the service. docs/settings.md lists the same names and defaults. */
const environmentSchema = v.object({
  TESPOD_HOST: v.optional(text, "0.0.0.0"),
  TESPOD_PORT: integer(0, 65_535, 8080),
  TESPOD_INTERNAL_PORT: integer(0, 65_535, 8081),
  TESPOD_DATABASE: v.optional(text, databaseDefault),
  PGPASSWORD: v.optional(text),
  TESPOD_CORS_ORIGINS: origins,
  TESPOD_AUTH_FILE: v.optional(text),
  TESPOD_AUTH: v.optional(v.literal("none", 'Must be "none", or absent')),
  TESPOD_NAMESPACE: v.optional(text),
  KUBECONFIG: v.optional(text),
  TESPOD_INSTANCE: v.optional(
    v.pipe(v.string(), v.regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, "Must be a DNS label")),
    "tespod",
  ),
  TESPOD_SIDECAR_IMAGE: text,
  TESPOD_CALLBACK_URL: v.optional(webUrl),
  TESPOD_WORK_VOLUME: v.optional(v.picklist(["emptyDir", "ephemeral", "claim"]), "emptyDir"),
  TESPOD_WORK_STORAGE_CLASS: v.optional(text),
  TESPOD_WORK_CLAIM: v.optional(text),
  TESPOD_STAGING: v.optional(v.picklist(["init", "supervisor"]), "init"),
  TESPOD_STORAGE_SECRETS: list,
  TESPOD_REPORT_KEY_SECRET: v.optional(text, "tespod-report-key"),
  TESPOD_IMAGE_PULL_SECRETS: list,
  ...storageVariables,
  ...resourceVariables,
  ...executorVariables,
  TESPOD_LOG_HEAD_BYTES: integer(0, 1_048_576, 2048),
  TESPOD_LOG_TAIL_BYTES: integer(0, 1_048_576, 8192),
  TESPOD_STRICT_OUTPUTS: v.optional(v.picklist(["true", "false"]), "false"),
  TESPOD_ATTEMPTS_MAX: integer(1, 10, 3),
  TESPOD_RETRY_UNKNOWN: v.optional(v.picklist(["true", "false"]), "false"),
  TESPOD_IMAGE_PULL_SECONDS_MAX: integer(1, 86_400, 300),
  TESPOD_CONTAINER_START_SECONDS_MAX: integer(1, 86_400, 120),
  TESPOD_POD_START_SECONDS_MAX: integer(1, 86_400, 900),
  TESPOD_CANCEL_GRACE_SECONDS: integer(0, 3600, 5),
  TESPOD_PREEMPTED_STATE: v.optional(v.picklist(["SYSTEM_ERROR", "PREEMPTED"]), "SYSTEM_ERROR"),
  TESPOD_CREATES_CONCURRENCY: integer(1, 256, 16),
  TESPOD_CREATES_PER_SECOND: integer(1, 10_000, 100),
  TESPOD_BODIES_BYTES_MAX: integer(25_165_824, 17_179_869_184, 33_554_432),
  TESPOD_INFO_ID: v.optional(text, "tespod"),
  TESPOD_INFO_NAME: v.optional(text, "tespod"),
  TESPOD_INFO_DESCRIPTION: v.optional(text),
  TESPOD_INFO_ORGANIZATION_NAME: v.optional(text, "unknown"),
  TESPOD_INFO_ORGANIZATION_URL: v.optional(url, "https://example.org"),
  TESPOD_INFO_CONTACT_URL: v.optional(url),
  TESPOD_INFO_DOCUMENTATION_URL: v.optional(url),
  TESPOD_INFO_ENVIRONMENT: v.optional(text),
  TESPOD_INFO_STORAGE: list,
});

type Environment = v.InferOutput<typeof environmentSchema>;

/** Reads `environment`. Empty values count as absent. Throws ConfigError. */
export function readConfig(environment: Readonly<Record<string, string | undefined>>): Config {
  const given = Object.fromEntries(
    Object.entries(environment).filter(([, value]) => value !== undefined && value !== ""),
  );
  const result = v.safeParse(environmentSchema, given);
  if (!result.success) {
    const faults = result.issues.map((issue) => {
      const name = v.getDotPath(issue) ?? "";
      const value = given[name];
      return value === undefined ? `${name} is required` : `${name}="${value}": ${issue.message}`;
    });
    throw new ConfigError(`Cannot start: ${faults.join("; ")}`);
  }
  const fault =
    accessFault(result.output) ?? defaultAboveMaximum(result.output) ?? storageFault(result.output);
  if (fault !== undefined) throw new ConfigError(`Cannot start: ${fault}`);
  return toConfig(result.output);
}

/** A supervisor reports as soon as it has laid out the volumes and staged the inputs, if that is its part. */
const reportSecondsMax = 30;

function toConfig(env: Environment): Config {
  return defined<Config>({
    host: env.TESPOD_HOST,
    port: env.TESPOD_PORT,
    internalPort: env.TESPOD_INTERNAL_PORT,
    database: env.TESPOD_DATABASE,
    databasePassword: env.PGPASSWORD,
    corsOrigins: env.TESPOD_CORS_ORIGINS,
    authFile: env.TESPOD_AUTH_FILE,
    namespace: env.TESPOD_NAMESPACE ?? ownNamespace(),
    kubeconfig: env.KUBECONFIG,
    pods: podSettings(env),
    policy: {
      attemptsMax: env.TESPOD_ATTEMPTS_MAX,
      retryUnknown: env.TESPOD_RETRY_UNKNOWN === "true",
      imagePullSecondsMax: env.TESPOD_IMAGE_PULL_SECONDS_MAX,
      containerStartSecondsMax: env.TESPOD_CONTAINER_START_SECONDS_MAX,
      podStartSecondsMax: env.TESPOD_POD_START_SECONDS_MAX,
      reportSecondsMax: env.TESPOD_CALLBACK_URL === undefined ? 0 : reportSecondsMax,
      cancelGraceSeconds: env.TESPOD_CANCEL_GRACE_SECONDS,
      sharedClaim: env.TESPOD_WORK_VOLUME === "claim",
      preemptedState: env.TESPOD_PREEMPTED_STATE,
    },
    bodiesBytesMax: env.TESPOD_BODIES_BYTES_MAX,
    creates: { concurrency: env.TESPOD_CREATES_CONCURRENCY, perSecond: env.TESPOD_CREATES_PER_SECOND },
    info: defined<Config["info"]>({
      id: env.TESPOD_INFO_ID,
      name: env.TESPOD_INFO_NAME,
      description: env.TESPOD_INFO_DESCRIPTION,
      organization: { name: env.TESPOD_INFO_ORGANIZATION_NAME, url: env.TESPOD_INFO_ORGANIZATION_URL },
      contactUrl: env.TESPOD_INFO_CONTACT_URL,
      documentationUrl: env.TESPOD_INFO_DOCUMENTATION_URL,
      environment: env.TESPOD_INFO_ENVIRONMENT,
      storage: [...env.TESPOD_INFO_STORAGE, ...fileLocations(env)],
    }),
  });
}

const podSettings = (env: Environment): PodSettings =>
  defined<PodSettings>({
    instance: env.TESPOD_INSTANCE,
    sidecarImage: env.TESPOD_SIDECAR_IMAGE,
    callbackUrl: env.TESPOD_CALLBACK_URL,
    work: workVolume(env),
    staging: env.TESPOD_STAGING,
    storageSecrets: env.TESPOD_STORAGE_SECRETS,
    reportKeySecret: env.TESPOD_REPORT_KEY_SECRET,
    imagePullSecrets: env.TESPOD_IMAGE_PULL_SECRETS,
    ...storageSettings(env),
    ...resourceSettings(env),
    executorCapabilities: env.TESPOD_EXECUTOR_CAPABILITIES,
    logHeadBytes: env.TESPOD_LOG_HEAD_BYTES,
    logTailBytes: env.TESPOD_LOG_TAIL_BYTES,
    strictOutputs: env.TESPOD_STRICT_OUTPUTS === "true",
  });

function workVolume(env: Environment): WorkVolume {
  switch (env.TESPOD_WORK_VOLUME) {
    case "emptyDir":
      return { kind: "emptyDir" };
    case "ephemeral":
      return defined<WorkVolume & { kind: "ephemeral" }>({
        kind: "ephemeral",
        storageClass: env.TESPOD_WORK_STORAGE_CLASS,
      });
    case "claim":
      if (env.TESPOD_WORK_CLAIM === undefined) {
        throw new ConfigError('Cannot start: TESPOD_WORK_CLAIM is required with TESPOD_WORK_VOLUME="claim"');
      }
      return { kind: "claim", claim: env.TESPOD_WORK_CLAIM };
  }
}

/** In a pod the namespace of its service account, else "default". */
function ownNamespace(): string {
  try {
    return readFileSync("/var/run/secrets/kubernetes.io/serviceaccount/namespace", "utf8").trim();
  } catch {
    return "default"; // not in a pod, where the file always is
  }
}
