// Storage secret: what of the storage Secret is JSON: the S3 endpoints and the web hosts that are known by name.
import * as v from "valibot";
import { type S3Place, type S3Settings, StorageError, type WebHost } from "./storage.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

const text = v.pipe(v.string(), v.minLength(1));
const pem = v.pipe(text, v.startsWith("-----BEGIN CERTIFICATE-----", "a certificate in PEM"));

const s3Place = v.strictObject({
  buckets: v.pipe(v.array(text), v.minLength(1)),
  endpoint: v.optional(text),
  region: v.optional(text),
  accessKeyId: v.optional(text),
  secretAccessKey: v.optional(text),
  sessionToken: v.optional(text),
  anonymous: v.optional(v.boolean(), false),
  roleArn: v.optional(text),
  webIdentityTokenFile: v.optional(text),
  stsEndpoint: v.optional(text),
  ca: v.optional(pem),
  pathStyle: v.optional(v.boolean()),
  etagIsMd5: v.optional(v.boolean()),
  encryption: v.optional(v.picklist(["AES256", "aws:kms", "aws:kms:dsse"])),
  kmsKeyId: v.optional(text),
  claimsHttp: v.optional(v.boolean(), false),
});

const webHost = v.strictObject({
  host: text,
  bearer: v.optional(text),
  user: v.optional(text),
  password: v.optional(text),
  ca: v.optional(pem),
  plain: v.optional(v.boolean(), false),
});

/**
 * The places in S3_ENDPOINTS. One without an endpoint is at the default one, and asked with the default keys unless it has its
 * own; one with an endpoint and no keys is anonymous: keys are for one server only.
 */
export const s3PlacesIn = (environment: Environment, standard: S3Settings): (() => readonly S3Place[]) =>
  once(() =>
    read("S3_ENDPOINTS", v.array(s3Place), environment).map(({ buckets, claimsHttp, ...place }) => ({
      buckets,
      claimsHttp,
      settings: settingsOf(place, standard),
    })),
  );

/** The hosts in HTTP_HOSTS. */
export const webHostsIn = (environment: Environment): (() => readonly WebHost[]) =>
  once(() =>
    read("HTTP_HOSTS", v.array(webHost), environment).map(({ user, password, ...host }) => ({
      ...host,
      login: user === undefined ? undefined : { user, password: password ?? "" },
    })),
  );

type PlaceFields = Omit<v.InferOutput<typeof s3Place>, "buckets" | "claimsHttp">;

function settingsOf(place: PlaceFields, standard: S3Settings): S3Settings {
  const { anonymous, roleArn, webIdentityTokenFile, stsEndpoint, encryption, kmsKeyId, ...rest } = place;
  const hasKeys = anonymous || rest.accessKeyId !== undefined || webIdentityTokenFile !== undefined;
  const base = rest.endpoint === undefined ? standard : NOBODY;
  const keys = hasKeys ? NO_KEYS : {};
  const webIdentity =
    webIdentityTokenFile === undefined
      ? {}
      : { webIdentity: { tokenFile: webIdentityTokenFile, roleArn, endpoint: stsEndpoint } };
  return {
    ...base,
    ...keys,
    ...webIdentity,
    ...rest,
    ...(encryption === undefined ? {} : { encryption: { algorithm: encryption, keyId: kmsKeyId } }),
  };
}

const NO_KEYS = {
  accessKeyId: undefined,
  secretAccessKey: undefined,
  sessionToken: undefined,
  webIdentity: undefined,
};
const NOBODY: S3Settings = { endpoint: undefined, region: undefined, ...NO_KEYS };

/** Read when it is first asked for: a fault in it is of no matter to tasks that need nothing of it. */
function once<Value>(make: () => Value): () => Value {
  let made: { value: Value } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

/** Throws a permanent StorageError that names each fault by its place, and never what stands there. */
function read<Schema extends v.GenericSchema<unknown, readonly unknown[]>>(
  name: string,
  schema: Schema,
  environment: Environment,
): v.InferOutput<Schema> {
  const fail = (why: string): StorageError =>
    new StorageError("permanent", `${name} of the storage Secret cannot be read: ${why}`);
  let json: unknown;
  try {
    json = JSON.parse(environment[name]?.trim() || "[]");
  } catch {
    throw fail("it is not JSON");
  }
  const result = v.safeParse(schema, json);
  if (result.success) return result.output;
  const faults = result.issues.map(
    (issue) => `${v.getDotPath(issue) ?? "all of it"}: expected ${issue.expected ?? issue.message}`,
  );
  throw fail(faults.join("; "));
}
