// The file of users: what it may hold, whom it lets in, and that it can change.
import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createAuthenticate } from "../src/authenticate.ts";
import { parseUsers, userOf } from "../src/users.ts";
import { silent } from "./support/make.ts";

const users = [
  { user: "alice", password: "pass word:1" },
  { user: "ci", token: "token-of-ci" },
  { user: "ünï", password: "gehéim 123" },
];
const basic = (text: string) => `Basic ${Buffer.from(text).toString("base64")}`;

describe("comes from", () => {
  test.each<{ title: string; authorization?: string; user?: string }>([
    { title: "a password", authorization: basic("alice:pass word:1"), user: "alice" },
    { title: "a password in UTF-8", authorization: basic("ünï:gehéim 123"), user: "ünï" },
    { title: "a token", authorization: "Bearer token-of-ci", user: "ci" },
    { title: "the scheme in any case", authorization: "bearer token-of-ci", user: "ci" },
    { title: "nothing" },
    { title: "an empty header", authorization: "" },
    { title: "a wrong password", authorization: basic("alice:pass word:2") },
    { title: "another's password", authorization: basic("ci:pass word:1") },
    { title: "a token as a password", authorization: basic("ci:token-of-ci") },
    { title: "a password as a token", authorization: "Bearer pass word:1" },
    { title: "the beginning of a token", authorization: "Bearer token-of-c" },
    { title: "a token and more", authorization: "Bearer token-of-ci x" },
    { title: "another scheme", authorization: "Digest token-of-ci" },
    { title: "snakemake's and Toil's login of nobody", authorization: "Basic Tm9uZTpOb25l" },
    { title: "funnel's login of nobody", authorization: "Basic Og==" },
  ])("$title: $user", ({ authorization, user }) => {
    expect(userOf(parseUsers(JSON.stringify(users)), authorization)).toBe(user as string);
  });
});

describe("is refused, and none of it is shown", () => {
  test.each([
    { title: "no JSON", text: '[{"user": "a", "password": "hush-hu' },
    { title: "nobody", text: "[]" },
    { title: "a short password", text: '[{"user": "a", "password": "hush"}]' },
    { title: "an empty token", text: '[{"user": "a", "token": ""}]' },
    { title: "both", text: '[{"user": "a", "token": "hush-hush", "password": "hush-hush"}]' },
    { title: "a colon in a name", text: '[{"user": "a:b", "password": "hush-hush"}]' },
    { title: "a key that is unknown", text: '[{"user": "a", "hush": "hush-hush"}]' },
    { title: "a word", text: '"hush-hush"' },
    { title: "a list of words", text: '["hush-hush"]' },
  ])("$title", ({ text }) => {
    let message = "";
    try {
      parseUsers(text);
    } catch (error) {
      message = String(error);
    }
    expect(message).toStartWith("Error: ");
    expect(message).not.toContain("hush");
  });
});

test("a file that changes counts soon, one that breaks leaves things as they were, one that is missing is an error", () => {
  const folder = mkdtempSync(join(tmpdir(), "tespod-users-"));
  try {
    const file = join(folder, "users.json");
    expect(() => createAuthenticate(file, silent)).toThrow(
      `Cannot read users of TESPOD_AUTH_FILE="${file}": ENOENT`,
    );
    let changes = 0;
    const write = (text: string) => {
      writeFileSync(file, text);
      utimesSync(file, ++changes, changes);
    };
    write(JSON.stringify([users[0]]));
    let time = 0;
    const errors: string[] = [];
    const log = { ...silent, error: (message: string) => void errors.push(message) };
    const authenticate = createAuthenticate(file, log, () => time);
    expect(authenticate("Bearer token-of-ci")).toBeUndefined();
    write(JSON.stringify(users));
    time += 60_000;
    expect(authenticate("Bearer token-of-ci")).toBe("ci");
    write("[");
    time += 60_000;
    expect(authenticate("Bearer token-of-ci")).toBe("ci");
    expect(errors).toHaveLength(1);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
