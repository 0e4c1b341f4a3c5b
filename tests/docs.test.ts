// The documents name files and tests of this repository: all of them are there.
import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

const root = join(import.meta.dirname, "..");
const read = (path: string) => readFileSync(join(root, path), "utf8");

const documents = [
  root,
  join(root, "docs"),
  join(root, "docs/decisions"),
  join(root, "tests"),
  join(root, "tests/cluster"),
].flatMap((folder) =>
  readdirSync(folder)
    .filter((name) => name.endsWith(".md"))
    .map((name) => join(folder, name).slice(root.length + 1)),
);

const linksIn = (text: string) =>
  [...text.matchAll(/\[([^\]]+)\]\(([^)\s#]+)[^)]*\)/g)].map(([, words = "", target = ""]) => ({
    words,
    target,
  }));

test.each(documents)("the links of %s lead to files that are there", (document) => {
  const broken = linksIn(read(document))
    .map(({ target }) => target)
    .filter((target) => !/^[a-z]+:/.test(target) && !existsSync(join(root, dirname(document), target)));
  expect(broken).toEqual([]);
});

/** The anchors of a document's headings, as GitHub makes them. */
const anchorsOf = (document: string) =>
  [...read(document).matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
      .replaceAll(" ", "-"),
  );

test.each(documents)("the links of %s to sections lead to headings that are there", (document) => {
  const links = [...read(document).matchAll(/\]\(([^)\s#:]*)#([^)]+)\)/g)];
  const broken = links
    .filter(([, target = "", anchor = ""]) => {
      const path = target === "" ? document : join(dirname(document), target);
      return !anchorsOf(path).includes(anchor);
    })
    .map(([link]) => link);
  expect(broken).toEqual([]);
});

/** The lines that a reader sees as text: without code blocks, and links by their words. */
const textLines = (document: string) =>
  read(document)
    .replaceAll(/^ *```.*?^ *```$/gms, "")
    .replaceAll(/\]\([^)]*\)/g, "]")
    .split("\n");

test.each(documents)("outside tables no line of %s is longer than 120 characters", (document) => {
  const long = textLines(document).filter((line) => !line.startsWith("|") && [...line].length > 120);
  expect(long).toEqual([]);
});

describe("docs/failures.md", () => {
  const rows = read("docs/failures.md")
    .split("\n")
    .filter((line) => /^\| (?!what happens)/.test(line));

  test.each(rows.map((row) => [row.slice(2, row.indexOf(" |")), row]))(
    "%s: names tests by words of theirs",
    (_, row) => {
      const links = linksIn(row);
      if (!row.endsWith("no test yet |")) expect(links).not.toEqual([]);
      const wrong = links.filter(({ words, target }) => !read(join("docs", target)).includes(words));
      expect(wrong).toEqual([]);
    },
  );
});

describe("docs/settings.md", () => {
  const inConfig = readdirSync(join(root, "src/config")).map((name) => `src/config/${name}`);
  const sources = ["src/config.ts", ...inConfig];
  const variables = [
    ...new Set(
      sources.flatMap((path) =>
        [...read(path).matchAll(/^ {2}((?:TESPOD|PG|KUBE)[A-Z_]+):/gm)].map(([, name = ""]) => name),
      ),
    ),
  ].sort();

  test("has each variable of the service, and no other", () => {
    const cells = read("docs/settings.md")
      .split("\n")
      .filter((line) => /^\| `(?:TESPOD|PG|KUBE)/.test(line))
      .map((line) => line.split(" | ")[0] ?? "");
    const names = cells.flatMap((cell) => [...cell.matchAll(/`([A-Z_]+)`/g)].map(([, name = ""]) => name));
    expect(names.sort()).toEqual(variables);
  });
});
