// Wildcards by POSIX 2.13.
import { expect, test } from "bun:test";
import { hasWildcards, matchesName } from "../../sidecar/contract/glob.ts";

test.each([
  ["*", "a", true],
  ["*", "", true],
  ["*", ".a", false],
  [".*", ".a", true],
  ["?a", ".a", false],
  ["[.]a", ".a", false],
  ["*.txt", "a.txt", true],
  ["*.txt", "a.txt.gz", false],
  ["a*", "a", true],
  ["a*b*c", "aXXbYYc", true],
  ["a*b*c", "aXXbYY", false],
  ["**", "ab", true],
  ["?", "ab", false],
  ["??", "ab", true],
  ["?", "🧬", true],
  ["[abc]", "b", true],
  ["[abc]", "d", false],
  ["[a-c]x", "bx", true],
  ["[!a-c]x", "bx", false],
  ["[!a-c]x", "dx", true],
  ["[^a]", "b", true],
  ["[]]", "]", true],
  ["[!]]", "]", false],
  ["[a-]", "-", true],
  ["[-a]", "-", true],
  ["[[:digit:]]*", "1a", true],
  ["[[:digit:]]*", "a1", false],
  ["[[:upper:]_]", "_", true],
  ["[[:nonsense:]]", "x", false],
  ["[a", "[a", true],
  ["[", "[", true],
  ["a[", "a[", true],
  ["[!", "[!", true],
  ["\\*", "*", true],
  ["\\*", "a", false],
  ["a\\?b", "a?b", true],
  ["[\\]]", "]", true],
  ["a\\", "a\\", true],
  ["{a,b}", "a", false],
  ["{a,b}", "{a,b}", true],
  ["!(a)", "!(a)", true],
  ["A", "a", false],
  ["ü*", "über", true],
] as const)("%p and %p: %p", (pattern, name, matches) => {
  expect(matchesName(pattern, name)).toBe(matches);
});

test("many stars take no more than a moment", () => {
  const start = performance.now();
  expect(matchesName("*a".repeat(50), "a".repeat(250).concat("b"))).toBe(false);
  expect(performance.now() - start).toBeLessThan(5000);
});

test.each([
  ["/a/b", false],
  ["/a/*", true],
  ["/a?/b", true],
  ["/a/[x]", true],
  ["/a/[x", false],
  ["/a/[x/]", false],
  ["/a/\\*", false],
  ["/a/\\\\*", true],
] as const)("%p has wildcards: %p", (path, expected) => {
  expect(hasWildcards(path)).toBe(expected);
});
