/** Processes that outlive their starter, and are ended only if they are still the same. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run, until } from "../shell.ts";
import { isDaemonRunning, logFile, recordedDaemons, startDaemon, stopDaemon } from "./process.ts";

let folder = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tespod-process-"));
  mkdirSync(join(folder, "log"));
});

afterEach(async () => {
  await Promise.all(recordedDaemons(folder).map((name) => stopDaemon(folder, name, 1)));
  rmSync(folder, { recursive: true });
});

const recordFile = (name: string) => join(folder, "process", `${name}.json`);
const readRecord = (name: string) => JSON.parse(readFileSync(recordFile(name), "utf8"));

test("outlives the process that started it", async () => {
  const module = JSON.stringify(join(import.meta.dirname, "process.ts"));
  const daemon = { name: "sleeper", command: ["sh", "-c", "echo up; exec sleep 600"] };
  const script = `import { startDaemon } from ${module}; startDaemon(${JSON.stringify(folder)}, ${JSON.stringify(daemon)});`;
  await run(process.execPath, ["--eval", script]);
  expect(isDaemonRunning(folder, "sleeper")).toBe(true);
  await until("its output", 10, () => readFileSync(logFile(folder, "sleeper"), "utf8") === "up\n");
  const record = readRecord("sleeper");
  await stopDaemon(folder, "sleeper", 5);
  expect(recordedDaemons(folder)).toEqual([]);
  writeFileSync(recordFile("sleeper"), JSON.stringify(record));
  expect(isDaemonRunning(folder, "sleeper")).toBe(false);
});

test("is killed if it does not end when asked", async () => {
  startDaemon(folder, {
    name: "stubborn",
    command: ["sh", "-c", "trap '' TERM; echo up; while :; do sleep 1; done"],
  });
  await until("its trap", 10, () => readFileSync(logFile(folder, "stubborn"), "utf8") === "up\n");
  await stopDaemon(folder, "stubborn", 0.1);
  expect(isDaemonRunning(folder, "stubborn")).toBe(false);
});

test("is not taken for another process that got its pid", async () => {
  startDaemon(folder, { name: "first", command: ["sleep", "600"] });
  const record = readRecord("first");
  writeFileSync(recordFile("stale"), JSON.stringify({ ...record, startTicks: "1" }));
  writeFileSync(recordFile("rebooted"), JSON.stringify({ ...record, bootId: "another" }));
  expect(["first", "stale", "rebooted"].map((name) => isDaemonRunning(folder, name))).toEqual([
    true,
    false,
    false,
  ]);
  await stopDaemon(folder, "stale", 1);
  await stopDaemon(folder, "rebooted", 1);
  expect(isDaemonRunning(folder, "first")).toBe(true);
});

test("that cannot be started is an error that names it", () => {
  expect(() => startDaemon(folder, { name: "ghost", command: ["/nonexistent/ghost"] })).toThrow(
    "Cannot start ghost",
  );
});
