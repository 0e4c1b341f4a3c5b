// Tag signatures: stored, so that they must stay as they are; and worth it only if few tasks have all bits of a tag they lack.
import { expect, test } from "bun:test";
import { tagSignature } from "../../src/store/tag-signature.ts";

const bitsOf = (tags: Parameters<typeof tagSignature>[0]): bigint =>
  BigInt.asUintN(64, BigInt(tagSignature(tags)));

test.each([
  { title: "no tags", tags: [], signature: "0" },
  { title: "a key", tags: [{ key: "project" }], signature: "68719476736" },
  { title: "a tag", tags: [{ key: "project", value: "p1" }], signature: "9007267974217728" },
  { title: "the empty tag", tags: [{ key: "", value: "" }], signature: "70403103916032" },
])("of $title is what it always was", ({ tags, signature }) => {
  expect(tagSignature(tags)).toBe(signature);
});

test("of tags has all bits of each of them, and of each key alone", () => {
  const tags = Array.from({ length: 50 }, (_, number) => ({ key: `k${number}`, value: `ü${number}` }));
  const all = bitsOf(tags);
  for (const tag of tags) {
    expect(all & bitsOf([tag])).toBe(bitsOf([tag]));
    expect(all & bitsOf([{ key: tag.key }])).toBe(bitsOf([{ key: tag.key }]));
  }
});

test("of three tags has all bits of less than one task in ten that has the same keys and other values", () => {
  const tagsOf = (number: number) =>
    ["project", "user", "workflow"].map((key) => ({ key, value: `${key}-${number}` }));
  const wanted = bitsOf([{ key: "user", value: "user-0" }]);
  const alike = Array.from({ length: 2000 }, (_, number) => bitsOf(tagsOf(number + 1))).filter(
    (bits) => (bits & wanted) === wanted,
  );
  expect(alike.length).toBeLessThan(2000 / 10);
});
