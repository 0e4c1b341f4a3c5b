// Requests made from a seed: sound ones, nearly sound ones, and what no client in its right mind would send.

export type Random = () => number;

/** Mulberry32: the same numbers from 0 to 1 for the same seed. */
export function randomOf(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

export const below = (random: Random, bound: number): number => Math.floor(random() * bound);

export function pick<T>(random: Random, choices: readonly T[]): T {
  const choice = choices[below(random, choices.length)];
  if (choice === undefined) throw new Error("Nothing to pick from");
  return choice;
}

const maybe = <T extends object>(random: Random, value: () => T): T | object =>
  random() < 0.5 ? value() : {};
const times = <T>(random: Random, most: number, make: (index: number) => T): T[] =>
  Array.from({ length: below(random, most + 1) }, (_, index) => make(index));

const words = [
  "x",
  "a b",
  "ü😀",
  "'\"\\",
  "$(HOME)",
  "%s_",
  "\u2028",
  "\ufeff",
  "null",
  "constructor",
  "-",
  "..",
];
const word = (random: Random): string => pick(random, words);

const mapOf = (random: Random, key: (index: number) => string): { [key: string]: Json } =>
  Object.fromEntries(times(random, 4, (index) => [key(index), word(random)]));

/** A task that must be taken. Its fields are as they will be answered in FULL, but for `type`, which may be missing. */
function soundTask(random: Random): { [key: string]: Json } {
  return {
    executors: [0, ...times(random, 2, (index) => index + 1)].map(() => ({
      image: pick(random, ["busybox", "quay.io/a/b:1", "a@sha256:0"]),
      command: ["c", ...times(random, 3, () => word(random))],
      ...maybe(random, () => ({ workdir: "/work/dir" })),
      ...maybe(random, () => ({ stdout: "/data/out/stdout" })),
      ...maybe(random, () => ({ env: mapOf(random, (index) => `_${index}`) })),
      ...maybe(random, () => ({ ignore_error: random() < 0.5 })),
    })),
    ...maybe(random, () => ({ name: word(random) })),
    ...maybe(random, () => ({ description: word(random) })),
    ...maybe(random, () => ({
      inputs: times(random, 3, (index) => ({
        path: `/data/in${index}/file`,
        ...(random() < 0.5
          ? { url: `s3://b/${index} #%+` }
          : { content: word(random).repeat(below(random, 50)) }),
        ...maybe(random, () => ({ type: "FILE" })),
        ...maybe(random, () => ({ name: word(random) })),
      })),
    })),
    ...maybe(random, () => ({
      outputs: times(random, 2, (index) => ({ path: `/data/out/${index}`, url: `s3://b/o${index}` })),
    })),
    ...maybe(random, () => ({
      resources: { cpu_cores: below(random, 9), ram_gb: random(), zones: [`zone-${below(random, 9)}`] },
    })),
    ...maybe(random, () => ({ volumes: ["/vol/a"] })),
    ...maybe(random, () => ({ tags: mapOf(random, (index) => `${word(random)}${index}`) })),
  };
}

const megabyte = 1024 * 1024;
const keys = [
  "__proto__",
  "constructor",
  "prototype",
  "toString",
  "",
  "\0",
  "executors",
  "id",
  "cpuCores",
  "\ud800",
];

/** Values that do not belong where they are put. */
function hostileValue(random: Random): Json {
  return pick<() => Json>(random, [
    () => null,
    () => true,
    () => "",
    () => "\0",
    () => "a\0b",
    () => "\ud800",
    () => "x\udfffy",
    () => -1,
    () => -0,
    () => 1e308,
    () => 5e-324,
    () => Number.MAX_SAFE_INTEGER + 2,
    () => [],
    () => ({}),
    () => [null],
    () => [[[["deep"]]]],
    () => (random() < 0.05 ? "n".repeat(megabyte) : "n".repeat(5000)),
    () => "/../../etc/passwd",
    () => "/proc/self/environ",
    () => hostileObject(random),
    () => Array.from({ length: 300 }, (_, index) => index),
  ])();
}

/** Without a prototype, so that "__proto__" is a key like any other and JSON.stringify writes it. */
function hostileObject(random: Random): { [key: string]: Json } {
  const object: { [key: string]: Json } = Object.create(null);
  for (let count = below(random, 3); count >= 0; count--)
    object[pick(random, keys)] = pick(random, ["x", 1, null, {}]);
  return object;
}

/** A copy with something put, taken away or renamed somewhere in it. */
function spoiled(random: Random, value: Json, depth = 0): Json {
  if (typeof value !== "object" || value === null || (depth > 0 && random() < 0.2))
    return hostileValue(random);
  if (Array.isArray(value)) {
    const index = below(random, value.length + 1);
    return value.toSpliced(index, random() < 0.5 ? 1 : 0, spoiled(random, value[index] ?? "x", depth + 1));
  }
  const copy: { [key: string]: Json } = Object.assign(Object.create(null), value);
  const key = random() < 0.2 ? pick(random, keys) : pick(random, [...Object.keys(value), "name"]);
  if (random() < 0.15) delete copy[key];
  else copy[key] = spoiled(random, value[key] ?? "x", depth + 1);
  return copy;
}

function nested(random: Random): string {
  const depth = pick(random, [10, 17, 100, 5000, 100_000]);
  const [open, close] = pick(random, [
    ["[", "]"],
    ['{"a":', "}"],
    ['{"executors":[', "]}"],
  ] as const);
  return `{"tags":${open.repeat(depth)}1${close.repeat(depth)}}`;
}

/** A body that is no JSON, or no UTF-8, or JSON that JSON.stringify would not write. */
function brokenBody(random: Random): string | Uint8Array<ArrayBuffer> {
  const text = JSON.stringify(soundTask(random));
  return pick<() => string | Uint8Array<ArrayBuffer>>(random, [
    () => text.slice(0, below(random, text.length)),
    () => nested(random),
    () =>
      text.replace(
        '"c"',
        pick(random, ["1e999", "NaN", "-", "01", "0x1", '"\\u00"', '"\\ud800"', "/**/", "'c'"]),
      ),
    () => Uint8Array.from({ length: below(random, 200) }, () => below(random, 256)),
    () => {
      const bytes = new TextEncoder().encode(text);
      bytes[below(random, bytes.length)] = pick(random, [0xff, 0xc0, 0x80, 0xed, 0]);
      return bytes;
    },
    () => `\ufeff${text}`,
    () => `${text}${text}`,
    () => text.replace("{", `{"executors":1,"name":"a","name":${JSON.stringify(hostileValue(random))},`),
    () =>
      pick(random, [
        "",
        " ",
        "null",
        "0",
        '""',
        "[]",
        "true",
        "{}",
        '{"executors":[]}',
        '{"executors":{"length":1}}',
      ]),
  ])();
}

export interface Post {
  readonly body: string | Uint8Array<ArrayBuffer>;
  /** The task, if it must be taken. */
  readonly sound?: { readonly [key: string]: Json };
}

export function anyPost(random: Random): Post {
  const kind = random();
  const task = soundTask(random);
  if (kind < 0.3) return { body: JSON.stringify(task), sound: task };
  if (kind < 0.8) return { body: JSON.stringify(spoiled(random, task)) };
  return { body: brokenBody(random) };
}

/** Percent-encoded, sound or not. */
const values = [
  "",
  "1",
  "2047",
  "2048",
  "-1",
  "1e9",
  "QUEUED",
  "CANCELED",
  "FULL",
  "BASIC",
  "MINIMAL",
  "a",
  "%00",
  "%",
  "%ff%fe",
  "%ed%a0%80",
  "+%2B%20",
  "%25",
  "%F0%9F%98%80",
  "__proto__",
  "'%20OR%201=1--",
  "MTIzLmFiYw",
  "x".repeat(3000),
];
const parameters = [
  "view",
  "state",
  "page_size",
  "page_token",
  "name_prefix",
  "tag_key",
  "tag_value",
  "x",
  "__proto__",
];

export function anyQuery(random: Random): string {
  if (random() < 0.02) return `?${"tag_key=a&".repeat(pick(random, [33, 300, 2000]))}`;
  const count = random() < 0.02 ? 500 : below(random, 5);
  const pairs = Array.from({ length: count }, () => `${pick(random, parameters)}=${pick(random, values)}`);
  return `?${pairs.join(random() < 0.05 ? "&&" : "&")}`;
}

export const anyId = (random: Random): string =>
  pick(random, [
    "none",
    "%00",
    "%ff",
    "..%2f..",
    "a:b",
    ":cancel",
    "%3Acancel",
    "__proto__",
    "x".repeat(2000),
    "a%20b",
  ]);

export const anyHeaders = (random: Random): Record<string, string> => ({
  ...maybe(random, () => ({
    "content-type": pick(random, ["application/json", "text/plain", "x", "multipart/form-data"]),
  })),
  ...(random() < 0.1
    ? { "idempotency-key": pick(random, ["k", "k2", "", "a b", "é", "k".repeat(300)]) }
    : {}),
  ...(random() < 0.2 ? { "if-none-match": pick(random, ["*", "", ",,,", 'W/"x"', '"', "W/"]) } : {}),
  ...(random() < 0.1 ? { "x-request-id": pick(random, ["", "ok", "a b", "x".repeat(500)]) } : {}),
  ...(random() < 0.05 ? { "content-length": pick(random, ["-1", "x", "99999999999999", "0"]) } : {}),
  ...(random() < 0.1 ? { authorization: pick(random, ["Bearer", "Basic Og==", "Bearer x", ""]) } : {}),
});
