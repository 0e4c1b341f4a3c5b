// An executor that exchanges two of its names for one another without end: a folder for a link, for instance.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";

/** RENAME_EXCHANGE of renameat2(2), from the working directory (AT_FDCWD). */
const program = (one: string, other: string) => `
  const { dlopen, FFIType, ptr } = require("bun:ffi");
  const { int, cstring } = FFIType;
  const { symbols } = dlopen("libc.so.6", { renameat2: { args: [int, cstring, int, cstring, "u32"], returns: int } });
  const [one, other] = ${JSON.stringify([one, other])}.map((path) => Buffer.from(path + "\\0"));
  console.log("there");
  for (;;) symbols.renameat2(-100, ptr(one), -100, ptr(other), 2);
`;

/** Begins at once, and ends when it is disposed of. What is missing meanwhile is passed over. */
export async function startExchange(one: string, other: string): Promise<Disposable> {
  const child: ChildProcess = spawn(process.execPath, ["-e", program(one, other)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (child.stdout) await once(child.stdout, "data");
  return { [Symbol.dispose]: () => void child.kill("SIGKILL") };
}
