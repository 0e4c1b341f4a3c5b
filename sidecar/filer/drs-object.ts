// DRS object: what a DRS server tells of an object, and the ways to its bytes.
import * as v from "valibot";
import { schemeOf } from "../contract/scheme.ts";
import { boundedText } from "./body.ts";
import type { Checksum } from "./checksum.ts";
import { httpFailure } from "./http.ts";
import { sendHttp } from "./http-request.ts";
import { defaultPatience, whilePatient } from "./patience.ts";
import { retryAfterOf, StorageError, type StorageSettings } from "./storage.ts";

const text = v.string();

/** 1.x: headers are a list of "Name: value"; some servers send a map, as 1.0's own schema once had it. */
const accessUrl = v.object({
  url: text,
  headers: v.nullish(v.union([v.array(text), v.record(text, text)])),
});
export type AccessUrl = v.InferOutput<typeof accessUrl>;

const accessMethod = v.object({
  type: v.nullish(text),
  access_url: v.nullish(accessUrl),
  access_id: v.nullish(text),
});

export interface DrsContent {
  name: string;
  id?: string | null | undefined;
  drs_uri?: string[] | string | null | undefined;
  contents?: DrsContent[] | null | undefined;
}
const content: v.GenericSchema<unknown, DrsContent> = v.object({
  name: text,
  id: v.nullish(text),
  drs_uri: v.nullish(v.union([v.array(text), text])),
  contents: v.nullish(v.array(v.lazy(() => content))),
});

const drsObject = v.object({
  size: v.nullish(v.pipe(v.number(), v.integer(), v.minValue(0))),
  checksums: v.nullish(v.array(v.object({ checksum: text, type: text }))),
  access_methods: v.nullish(v.array(accessMethod)),
  contents: v.nullish(v.array(content)),
});
export type DrsObject = v.InferOutput<typeof drsObject>;

/** A bundle of a hundred thousand files. */
const ANSWER_BYTES_MAX = 32 * 1024 * 1024;

interface DrsContext {
  settings: StorageSettings;
  signal: AbortSignal;
}

export const askObject = (url: string, context: DrsContext): Promise<DrsObject> =>
  ask(url, drsObject, context);

/** Some way to the bytes that we know: https before s3, a URL that is there before one that has to be asked for. */
export async function askAccess(
  objectUrl: string,
  { access_methods }: DrsObject,
  context: DrsContext,
): Promise<AccessUrl> {
  const methods = access_methods ?? [];
  const direct = methods.flatMap(({ access_url }) => access_url ?? []).filter(({ url }) => isKnown(url));
  const [first] = direct.toSorted((one, other) => rank(one.url) - rank(other.url));
  if (first) return first;
  for (const { access_id } of methods) {
    if (!access_id) continue;
    const found = await ask(`${objectUrl}/access/${encodeURIComponent(access_id)}`, accessUrl, context);
    if (isKnown(found.url)) return found;
  }
  const types = methods.map(({ type }) => type ?? "unknown").join(", ") || "none";
  throw new StorageError("permanent", `the DRS server tells no way to it by https or s3 (but: ${types})`);
}

const SCHEMES = ["https", "s3", "http"];
const rank = (url: string): number => SCHEMES.indexOf(schemeOf(url) ?? "");
const isKnown = (url: string): boolean => rank(url) >= 0;

/** The one that costs least to compare, if the object has any that we know. */
export function drsChecksum({ checksums }: DrsObject): Checksum | undefined {
  for (const algorithm of ["sha1", "sha256", "md5", "sha512"] as const) {
    const found = checksums?.find(({ type }) => type.toLowerCase().replace("-", "") === algorithm);
    if (found && /^([0-9a-f]{2})+$/i.test(found.checksum))
      return { algorithm, value: Buffer.from(found.checksum, "hex").toString("base64") };
  }
  return undefined;
}

async function ask<Value>(
  url: string,
  schema: v.GenericSchema<unknown, Value>,
  { settings, signal }: DrsContext,
): Promise<Value> {
  const patience = settings.patience ?? defaultPatience;
  const body = await whilePatient({ signal, patience, bytes: 0 }, async (limit) => {
    const headers = { accept: "application/json" };
    const response = await sendHttp({ method: "GET", url, headers, signal: limit }, settings);
    if (response.status === 202) {
      await response.body?.cancel();
      throw new StorageError("transient", "the DRS server is still preparing it", {
        retryAfterMilliseconds: retryAfterOf(response.headers, Date.now()),
      });
    }
    if (!response.ok) throw await httpFailure(response, "the DRS server");
    return await boundedText(response, ANSWER_BYTES_MAX);
  });
  const answer = v.safeParse(schema, parseJson(body));
  if (answer.success) return answer.output;
  const places = answer.issues.map((issue) => v.getDotPath(issue) ?? "all of it").join(", ");
  throw new StorageError("permanent", `the DRS server's answer is not as DRS has it: ${places}`);
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    throw new StorageError("permanent", "the DRS server's answer is no JSON, or too long");
  }
}
