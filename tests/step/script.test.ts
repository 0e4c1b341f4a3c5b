// What the step script says; what it does is tested under the real shell.
import { expect, test } from "bun:test";
import { stepScript } from "../../sidecar/step/script.ts";
import { executor } from "./scratch-pod.ts";

test("a value is one word in single quotes", () => {
  expect(stepScript(executor(["it's $(x)"]))).toEndWith(`exec -a 'it'\\''s $(x)' -- 'it'\\''s $(x)'\n`);
});

test("a script names neither the folder of the step nor that of the programs", () => {
  const script = stepScript(executor(["a"], { workdir: "/w", stdout: "/w/out", env: { "odd.name": "1" } }));
  expect(script).not.toContain(".tes");
  expect(script).toContain('"$1/busybox"');
});

test.each([
  ["an argument", executor(["a", "b\0c"])],
  ["a variable", executor(["a"], { env: { A: "\0" } })],
  ["a path", executor(["a"], { stdin: "/a\0" })],
])("NUL in %s is refused", (_, step) => {
  expect(() => stepScript(step)).toThrow("NUL");
});
