// Tag texts: stored, so that they must stay as they are; and a tag is found in those of tasks that have it, and in no other.
import { expect, test } from "bun:test";
import { tagNeedle, tagText } from "../../src/store/tag-text.ts";

test.each([
  { title: "no tags", tags: [], text: "&" },
  { title: "a tag", tags: [{ key: "project", value: "p1" }], text: "&project=p1&" },
  { title: "an empty tag", tags: [{ key: "", value: "" }], text: "&=&" },
  {
    title: "tags of all kinds of characters",
    tags: [
      { key: "a&b", value: "=%c" },
      { key: "ü 😀", value: "\0\ud800" },
    ],
    text: "&a%26b=%3D%25c&%C3%BC%20%F0%9F%98%80=%00%EF%BF%BD&",
  },
])("of $title is what it always was", ({ tags, text }) => {
  expect(tagText(tags)).toBe(text);
});

test("a tag, or a key, is found in the text of those that have it, and in no other", () => {
  const parts = ["", "a", "b", "ab", "&", "=", "&a", "a&", "a=", "=a", "&a=", "=a&", "%26", "%", "A"];
  const tags = parts.flatMap((key) => parts.map((value) => ({ key, value })));
  const has = (text: string | null, tag: { key: string; value?: string }) => text?.includes(tagNeedle(tag));
  for (const one of tags) {
    const other = { key: `other ${one.value}`, value: one.key };
    const text = tagText([other, one]);
    const wrong = tags.filter((tag) => has(text, tag) !== (tag.key === one.key && tag.value === one.value));
    expect(wrong).toEqual([]);
    expect(parts.filter((key) => has(text, { key }))).toEqual([one.key]);
  }
});

test("there is none of tags that are too long", () => {
  expect(tagText([{ key: "k".repeat(200), value: "v".repeat(197) }])).toHaveLength(400);
  expect(tagText([{ key: "k".repeat(200), value: "v".repeat(198) }])).toBeNull();
});
