// Deno, as its npm package brings it: the other runtime that the same source runs on.
import { createRequire } from "node:module";
import { arch, platform } from "node:process";

// Its own launcher wants Node.js and hides the program's pid from who starts it.
const { resolve } = createRequire(import.meta.url);
const place = `@deno/${platform}-${arch}${platform === "linux" ? "-glibc" : ""}/deno`;

/** The command before the file of a program, as `npm run start:deno` has it. */
export const deno: readonly string[] = [
  resolve(place, { paths: [resolve("deno/package.json")] }),
  "run",
  "-A",
  "--no-lock",
  "--node-modules-dir=manual",
];
