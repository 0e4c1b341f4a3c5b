// What lies outside of the cluster, in a network namespace of its own: a web server at a public address, which also has the
// address of cloud providers' metadata services. Only pods are routed there.
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { readSettings } from "../../cluster/settings.ts";

/** Of the addresses that documents use (RFC 5737): public, and nobody's. */
const address = "203.0.113.10";
const hostAddress = "203.0.113.9";
export const metadataAddress = "169.254.169.254";
const [namespace, link, table] = ["tespod-outside", "tespod-out", "7788"];
const { podCidr } = readSettings();
const rules = [address, metadataAddress].map((to) => ["from", podCidr, "to", to, "lookup", table]);

export interface Outside {
  readonly address: string;
  /** Lets it answer what is asked for at /late. */
  release(): void;
}

const ip = (...args: readonly string[]): void => void execFileSync("ip", args, { stdio: "pipe" });
const inside = (...args: readonly string[]): void => ip("-n", namespace, ...args);

/** Makes it, with `redirect` as the place that /late leads to once it is released. */
export async function makeOutside(folder: string, redirect: string): Promise<Outside> {
  removeOutside();
  ip("netns", "add", namespace);
  ip("link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", namespace);
  ip("address", "add", `${hostAddress}/30`, "dev", link);
  ip("link", "set", link, "up");
  inside("link", "set", "lo", "up");
  inside("link", "set", "eth0", "up");
  inside("address", "add", `${address}/30`, "dev", "eth0");
  inside("address", "add", `${metadataAddress}/32`, "dev", "eth0");
  inside("route", "add", "default", "via", hostAddress);
  ip("route", "add", address, "dev", link, "table", table);
  ip("route", "add", metadataAddress, "via", address, "dev", link, "onlink", "table", table);
  for (const rule of rules) ip("rule", "add", ...rule);
  const released = join(folder, "released");
  await serving(
    spawn(
      "ip",
      [
        "netns",
        "exec",
        namespace,
        process.execPath,
        join(import.meta.dirname, "outside-server.ts"),
        released,
        redirect,
      ],
      { stdio: ["ignore", "pipe", "inherit"] },
    ),
  );
  return { address, release: () => writeFileSync(released, "") };
}

/** Removes it with all that runs in it. Idempotent. */
export function removeOutside(): void {
  const quietly = (...args: readonly string[]) => spawnSync("ip", args, { encoding: "utf8" });
  for (const pid of quietly("netns", "pids", namespace).stdout?.split("\n").filter(Boolean) ?? []) {
    process.kill(Number(pid), "SIGKILL");
  }
  for (const rule of rules) quietly("rule", "delete", ...rule);
  quietly("link", "delete", link);
  quietly("netns", "delete", namespace);
}

async function serving(server: ChildProcess): Promise<void> {
  let said = false;
  server.stdout?.once("data", () => {
    said = true;
  });
  for (const deadline = Date.now() + 20_000; !said; await sleep(50)) {
    if (server.exitCode !== null || Date.now() > deadline)
      throw new Error("The server outside does not start");
  }
}
