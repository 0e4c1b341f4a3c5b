// checkingJson: what is too deep or too much, seen in the text; held against the parser's own values.
import { describe, expect, test } from "bun:test";
import { atOnce } from "../../src/tes/in-turns.ts";
import { checkingJson, type JsonBounds } from "../../src/tes/json-bounds.ts";
import { limits } from "../../src/tes/limits.ts";
import { below, pick, type Random, randomOf } from "../api/hostile.ts";

const jsonFault = (text: string, bounds: JsonBounds) => atOnce(checkingJson(text, bounds));

const bounds = { depthMax: 4, valuesMax: 10 };
const deep = "Body is nested deeper than 4 levels";
const many = "Body has more than 10 values";

test.each([
  { text: "[[[[1]]]]", fault: undefined },
  { text: "[[[[[]]]]]", fault: deep },
  { text: '{"a":{"a":{"a":{"a":{}}}}}', fault: deep },
  { text: "[[[[[", fault: deep },
  { text: "[[],[],[],[]]", fault: undefined },
  { text: "[1,2,3,4,5,6,7,8,9]", fault: undefined },
  { text: "[1,2,3,4,5,6,7,8,9,10,11]", fault: many },
  { text: '"[[[[[[[[[[,,,,,,,,,,,,,,,"', fault: undefined },
  { text: '["\\"[[[[[[",",,,,,,,,,,,,,,\\\\"]', fault: undefined },
  { text: '["\\\\",[[[[1]]]]]', fault: deep },
  { text: '"an end that never comes [[[[[[', fault: undefined },
])("$text: $fault", ({ text, fault }) => {
  expect(jsonFault(text, bounds)).toBe(fault);
});

/** How deep the value is, and how many it is with all that is in it. */
function measure(value: unknown): { depth: number; values: number } {
  if (typeof value !== "object" || value === null) return { depth: 0, values: 1 };
  const inner = Object.values(value).map(measure);
  return {
    depth: 1 + Math.max(0, ...inner.map(({ depth }) => depth)),
    values: 1 + inner.reduce((sum, { values }) => sum + values, 0),
  };
}

function someValue(random: Random, depth: number): unknown {
  if (depth === 0 || random() < 0.4) return pick(random, [1, null, '",[{\\', "\\\\", 'a"b', ""]);
  const values = Array.from({ length: below(random, 4) }, () => someValue(random, depth - 1));
  if (random() < 0.5) return values;
  return Object.fromEntries(
    values.map((value, index) => [`${pick(random, ['"', "\\", "[,"])}${index}`, value]),
  );
}

test("of 2,000 random values each that is too deep is refused, each that is too many, and none within the bounds", () => {
  const random = randomOf(1);
  for (let round = 0; round < 2000; round++) {
    const value = someValue(random, 7);
    const text = JSON.stringify(value);
    const { depth, values } = measure(value);
    const fault = jsonFault(text, { depthMax: 5, valuesMax: 2 * 30 });
    if (depth > 5 || values > 2 * 30) expect([text, fault]).toEqual([text, expect.any(String)]);
    // A container's comma and its opening sign count apart, so a count is at most twice the truth.
    else if (values <= 30) expect([text, fault]).toEqual([text, undefined]);
  }
});

test("a string that goes on over many steps, an escape at each of their ends", () => {
  const long = `"${'\\"[[[[['.repeat(200_000)}"`;
  expect(jsonFault(`[${long},[[[1]]]]`, bounds)).toBeUndefined();
  expect(jsonFault(`[${long},[[[[1]]]]]`, bounds)).toBe(deep);
});

describe("as large as a body may be", () => {
  const size = limits.bodyBytesMax;
  test.each([
    { title: "opening brackets", text: "[".repeat(size), fault: "Body is nested deeper than 16 levels" },
    {
      title: "ones",
      text: `{"executors":[{"command":[${"1,".repeat(size / 2 - 20)}1]}]}`,
      fault: `Body has more than ${limits.valuesMax} values`,
    },
    { title: "quotes in one string", text: `"${'\\"'.repeat(size / 2)}"`, fault: undefined },
    { title: "backslashes in one string", text: `"${"\\".repeat(size)}"`, fault: undefined },
    { title: "blanks", text: " ".repeat(size), fault: undefined },
  ])("$title", ({ text, fault }) => {
    expect(jsonFault(text, limits)).toBe(fault);
  });
});
