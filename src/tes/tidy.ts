// tidy: a request body as clients really send it, with the field names and the absences of TES.
import { TesError } from "./errors.ts";
import { limits } from "./limits.ts";

/** camelCase names that the funnel command line sends for snake_case fields. */
const aliases: Readonly<Record<string, string>> = {
  cpuCores: "cpu_cores",
  ramGb: "ram_gb",
  diskGb: "disk_gb",
  ignoreError: "ignore_error",
  pathPrefix: "path_prefix",
  backendParameters: "backend_parameters",
  backendParametersStrict: "backend_parameters_strict",
};

/** Maps of the user's own keys: these are never renamed. */
const userMaps: ReadonlySet<string> = new Set(["env", "tags", "backend_parameters"]);

/** Fields that clients send as "" for what is not set; elsewhere an empty text is a value. */
const emptyIsAbsent: ReadonlySet<string> = new Set([
  "workdir",
  "stdin",
  "stdout",
  "stderr",
  "type",
  "ignore_error",
  "streamable",
  "cpu_cores",
  "ram_gb",
  "disk_gb",
  "preemptible",
  "backend_parameters_strict",
]);

/** Drops what stands for "not set", null and in some fields "" (Galaxy, Pulsar, Cromwell send them), and renames aliases. */
export const tidy = (body: unknown): unknown => tidied(body, false, 0);

function tidied(value: unknown, userKeys: boolean, depth: number): unknown {
  if (depth > limits.depthMax)
    throw new TesError("invalid", `Body is nested deeper than ${limits.depthMax} levels`);
  if (Array.isArray(value)) return value.map((item) => tidied(item, false, depth + 1));
  if (typeof value !== "object" || value === null) return value;
  const object: Record<string, unknown> = Object.create(null);
  for (const [key, item] of Object.entries(value)) {
    if (item === null) continue;
    const name = fieldOf(key, userKeys);
    if (!userKeys && isUnset(name, item)) continue;
    object[name] = tidied(item, !userKeys && userMaps.has(name), depth + 1);
  }
  return object;
}

/** No zone is called "", so a list of nothing else asks for none. */
const isUnset = (name: string, value: unknown): boolean =>
  value === ""
    ? emptyIsAbsent.has(name)
    : name === "zones" && Array.isArray(value) && value.length > 0 && value.every((zone) => zone === "");

function fieldOf(key: string, isUsers: boolean): string {
  if (!isUsers) return Object.hasOwn(aliases, key) ? (aliases[key] ?? key) : key;
  // Not every object it would pass through can hold it, so it would be lost on the way.
  if (key === "__proto__") throw new TesError("invalid", 'No key can be "__proto__"');
  return key;
}
