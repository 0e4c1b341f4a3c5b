// The kinds of values that variables have, each with what is said of a wrong one.
import * as v from "valibot";

export const text = v.pipe(v.string(), v.minLength(1));

const someInteger = (min: number, max: number) =>
  v.pipe(
    v.string(),
    v.regex(/^\d+$/, "Must be an integer"),
    v.transform(Number),
    v.minValue(min),
    v.maxValue(max),
  );
export const integer = (min: number, max: number, fallback: number) =>
  v.optional(someInteger(min, max), String(fallback));
export const optionalInteger = (min: number, max: number) => v.optional(someInteger(min, max));

const someAmount = v.pipe(
  v.string(),
  v.regex(/^\d+(\.\d+)?$/, "Must be a number"),
  v.transform(Number),
  v.minValue(0.001),
);
export const amount = (fallback: number) => v.optional(someAmount, String(fallback));
export const optionalAmount = v.optional(someAmount);

export const list = v.optional(
  v.pipe(
    v.string(),
    v.transform((value) =>
      value
        .split(",")
        .map((item) => item.trim())
        .filter((item) => item !== ""),
    ),
  ),
  "",
);

export const url = v.pipe(
  v.string(),
  v.url("Must be a URL"),
  v.transform((value) => value.replace(/\/+$/, "")),
);

/** "tespod:8080" is a URL, too: of the scheme "tespod". */
export const webUrl = v.pipe(v.string(), v.regex(/^https?:\/\//, "Must begin with http:// or https://"), url);

/** Origins as browsers send them (RFC 6454), or "*". */
export const origins = v.pipe(
  list,
  v.everyItem(
    (item) =>
      item === "*" || (/^https?:\/\//.test(item) && URL.canParse(item) && new URL(item).origin === item),
    'Must be origins like "https://example.org", without a path, or "*"',
  ),
);
