// The variables that say what of storage task pods get besides Secrets: a claim with files, and an identity of their own.
import * as v from "valibot";
import { isWithin, normalizePath } from "../../sidecar/contract/path.ts";
import { defined } from "../defined.ts";
import type { PodSettings, SharedFiles, WebIdentity } from "../pod/settings.ts";
import { isObjectName } from "../tes/kubernetes-names.ts";
import { integer, list, optionalInteger, text } from "./values.ts";

const objectName = v.optional(
  v.pipe(v.string(), v.check(isObjectName, "Must be the name of a Kubernetes object")),
);
const isPath = (value: string): boolean => value.startsWith("/") && !value.split("/").includes("..");

/** Timers cannot be set for longer. */
const seconds = optionalInteger(1, 2_000_000);

export const storageVariables = {
  TESPOD_TRANSFER_SECONDS_MAX: seconds,
  TESPOD_STAGING_SECONDS_MAX: seconds,
  TESPOD_UPLOAD_SECONDS_MAX: seconds,
  TESPOD_FILES_CLAIM: objectName,
  TESPOD_FILES_ROOT: v.optional(
    v.pipe(v.string(), v.check(isPath, 'Must be an absolute path without ".."'), v.transform(normalizePath)),
  ),
  TESPOD_FILES_BASES: v.pipe(
    list,
    v.everyItem(isPath, 'Must be absolute paths without ".."'),
    v.mapItems(normalizePath),
  ),
  TESPOD_FILES_IN_PLACE: v.optional(v.picklist(["true", "false"]), "false"),
  TESPOD_WEB_IDENTITY_AUDIENCE: v.optional(text),
  TESPOD_WEB_IDENTITY_SECONDS: integer(600, 86_400, 3600),
  TESPOD_WEB_IDENTITY_SERVICE_ACCOUNT: objectName,
} as const;

const schema = v.object(storageVariables);
type Variables = v.InferOutput<typeof schema>;

export const storageSettings = (
  env: Variables,
): Pick<PodSettings, "files" | "webIdentity" | "transferSecondsMax"> =>
  defined({ files: files(env), webIdentity: webIdentity(env), transferSecondsMax: transferSecondsMax(env) });

function transferSecondsMax(env: Variables): PodSettings["transferSecondsMax"] {
  const bounds = defined<NonNullable<PodSettings["transferSecondsMax"]>>({
    transfer: env.TESPOD_TRANSFER_SECONDS_MAX,
    staging: env.TESPOD_STAGING_SECONDS_MAX,
    upload: env.TESPOD_UPLOAD_SECONDS_MAX,
  });
  return Object.keys(bounds).length === 0 ? undefined : bounds;
}

const webIdentity = (env: Variables): WebIdentity | undefined =>
  env.TESPOD_WEB_IDENTITY_AUDIENCE === undefined
    ? undefined
    : defined<WebIdentity>({
        audience: env.TESPOD_WEB_IDENTITY_AUDIENCE,
        expirationSeconds: env.TESPOD_WEB_IDENTITY_SECONDS,
        serviceAccount: env.TESPOD_WEB_IDENTITY_SERVICE_ACCOUNT,
      });

function files(env: Variables): SharedFiles | undefined {
  const { TESPOD_FILES_CLAIM: claim, TESPOD_FILES_ROOT: root, TESPOD_FILES_BASES: bases } = env;
  if (claim === undefined || root === undefined) return undefined;
  return {
    claim,
    root,
    bases: bases.length === 0 ? [root] : bases,
    ...(env.TESPOD_FILES_IN_PLACE === "true" ? { inPlace: true } : {}),
  };
}

/** Variables that do not go together, as a message; undefined if there are none. */
export function storageFault(env: Variables): string | undefined {
  const { TESPOD_FILES_CLAIM: claim, TESPOD_FILES_ROOT: root, TESPOD_FILES_BASES: bases } = env;
  if ((claim === undefined) !== (root === undefined))
    return "TESPOD_FILES_CLAIM and TESPOD_FILES_ROOT are required with one another";
  if (env.TESPOD_FILES_IN_PLACE === "true") {
    if (root === undefined)
      return "TESPOD_FILES_CLAIM and TESPOD_FILES_ROOT are required with TESPOD_FILES_IN_PLACE";
    if (bases.length > 0 && !bases.includes(root)) return cannotBeInPlace(bases, root);
  }
  if (bases.length === 0) return undefined;
  if (root === undefined)
    return "TESPOD_FILES_CLAIM and TESPOD_FILES_ROOT are required with TESPOD_FILES_BASES";
  const outside = bases.find((base) => !isWithin(base, root));
  return outside === undefined
    ? undefined
    : `TESPOD_FILES_BASES="${bases.join(",")}": "${outside}" must be in TESPOD_FILES_ROOT="${root}"`;
}

/**
 * What Kubernetes mounts of a claim it looks for only then, and follows links to wherever in the claim they lead: whoever may
 * write into a base could by then have put a link there that leads out of it.
 */
const cannotBeInPlace = (bases: readonly string[], root: string): string =>
  `TESPOD_FILES_IN_PLACE="true": TESPOD_FILES_BASES="${bases.join(",")}" must be all of TESPOD_FILES_ROOT="${root}", ` +
  "as links inside a claim lead to all of it; leave it out, or use a claim that holds no more than tasks may read";

/** For service-info: clients look there whether a path of theirs can be used as it is. */
export const fileLocations = (env: Variables): string[] =>
  (files(env)?.bases ?? []).map((base) => `file://${base.split("/").map(encodeURIComponent).join("/")}`);
