// Excerpts of long outputs.
import { expect, test } from "bun:test";
import { createExcerpt } from "../../sidecar/supervisor/excerpt.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function excerpt(head: number, tail: number, chunks: (string | number[])[]): string {
  const kept = createExcerpt(head, tail);
  for (const chunk of chunks) kept.add(typeof chunk === "string" ? bytes(chunk) : Uint8Array.from(chunk));
  return kept.text();
}

test.each([
  ["nothing", 4, 4, [], ""],
  ["less than the bounds", 4, 4, ["abc"], "abc"],
  ["exactly the bounds", 4, 4, ["abcd", "efgh"], "abcdefgh"],
  ["one byte more", 4, 4, ["abcdefghi"], "abcd\n[tespod: 1 bytes left out]\nfghi"],
  ["in many chunks", 4, 4, [..."abcdefghijklmnopqrstuvwxyz"], "abcd\n[tespod: 18 bytes left out]\nwxyz"],
  ["a head that ends a line", 4, 4, ["abc\nxxxx", "xxxxefg\n"], "abc\n[tespod: 8 bytes left out]\nefg\n"],
  ["no head", 0, 4, ["abcdefgh"], "\n[tespod: 4 bytes left out]\nefgh"],
  ["no tail", 4, 0, ["abcdefgh"], "abcd\n[tespod: 4 bytes left out]\n"],
  ["neither", 0, 0, ["abc"], "\n[tespod: 3 bytes left out]\n"],
  ["a character across chunks", 8, 8, [[0xc3], [0xbc]], "ü"],
  ["a character across head and tail", 1, 4, ["aü"], "aü"],
  ["characters that the cut goes through", 4, 4, ["aaaüxxxxxxüaaa"], "aaa\n[tespod: 8 bytes left out]\naaa"],
  ["no UTF-8", 8, 8, [[0x61, 0xff, 0x62]], "a\uFFFDb"],
  ["NUL", 8, 8, ["a\0b"], "a\uFFFDb"],
  ["a byte order mark", 8, 8, ["\uFEFFa"], "\uFEFFa"],
] as const)("of %s", (...row) => {
  const [, head, tail, chunks, text] = row;
  expect(excerpt(head, tail, chunks as unknown as string[])).toBe(text);
});

test("a gigabyte passes in little memory", () => {
  const kept = createExcerpt(1000, 1000);
  const chunk = new Uint8Array(1024 * 1024).fill(120);
  Bun.gc(true);
  const before = process.memoryUsage.rss();
  for (let index = 0; index < 1024; index += 1) kept.add(chunk);
  expect(kept.text()).toContain(`[tespod: ${1024 * 1024 * 1024 - 2000} bytes left out]`);
  expect(process.memoryUsage.rss() - before).toBeLessThan(64 * 1024 * 1024);
});
