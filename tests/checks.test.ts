// The checks of `npm run check`, as tests: format and lint, types, and what nothing uses.
import { expect, test } from "bun:test";
import { join } from "node:path";

const root = join(import.meta.dir, "..");
const bin = join(root, "node_modules", ".bin");

test.each([
  { title: "biome check: format, lint", command: ["biome", "check", "--colors=off"] },
  { title: "tsc: types", command: ["tsc", "--pretty", "false"] },
  { title: "knip: no file, export or dependency without a use", command: ["knip"] },
  { title: "knip --production: none that only tests use", command: ["knip", "--production"] },
])(
  "$title",
  async ({ command: [program = "", ...args] }) => {
    const child = Bun.spawn([join(bin, program), ...args], {
      cwd: root,
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const [stdout, stderr, code] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ]);
    // The output is compared too, so that a failure shows it.
    expect({ code, output: code === 0 ? "" : `${stdout}${stderr}` }).toEqual({ code: 0, output: "" });
  },
  120_000,
);
