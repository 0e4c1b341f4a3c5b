// What an executor may change for the other containers of its pod: the hosts file that the runtime mounts in all of them.
import { expect, test } from "bun:test";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import process from "node:process";
import type { V1VolumeMount } from "@kubernetes/client-node";
import { buildPod } from "../../src/pod/build.ts";
import { executor, makePlan, makeScratchPod, type ScratchPod, startGate } from "../step/scratch-pod.ts";
import { makeRecord, makeSettings, makeTask } from "../support/make.ts";
import { startSidecar } from "./pod.ts";

const name = "storage.example";

/** A command in a mount namespace of its own, with those files bound to their places there. */
const withBound = (
  binds: readonly { readonly from: string; readonly to: string; readonly readOnly: boolean }[],
) => [
  "unshare",
  "--mount",
  "sh",
  "-c",
  [
    ...binds.flatMap(({ from, to, readOnly }) => [
      `mount --bind '${from}' '${to}'`,
      ...(readOnly ? [`mount -o remount,bind,ro '${to}'`] : []),
    ]),
    'exec "$0" "$@"',
  ].join(" && "),
];

/** What a kubelet binds over files of /etc in the executor's container. */
function etcMounts(pod: ScratchPod, shared: string) {
  const container = buildPod(makeRecord({ task: makeTask() }), makeSettings()).pod.spec?.containers[1];
  const ours = (container?.volumeMounts ?? []).filter(({ mountPath }) => mountPath.startsWith("/etc/"));
  // As the kubelet does, unless the container has a mount of its own there.
  return [
    ...(ours.some(({ mountPath }) => mountPath === "/etc/hosts")
      ? []
      : [{ from: shared, to: "/etc/hosts", readOnly: false }]),
    ...ours.map(({ mountPath, subPath = "", readOnly = false }: V1VolumeMount) => ({
      from: join(pod.roots.steps, subPath),
      to: mountPath,
      readOnly,
    })),
  ];
}

/** A web server that takes everything, and notes what. */
async function startServer(host: string, port = 0) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    request.resume().on("end", () => response.end());
  }).listen(port, host);
  await once(server, "listening");
  return {
    asked,
    port: (server.address() as AddressInfo).port,
    [Symbol.dispose]: () => void server.close(),
  };
}

test("an executor that rewrites its hosts file does not send the upload to a server of its own", async () => {
  using pod = makeScratchPod();
  using attacker = await startServer("127.0.0.1");
  using storage = await startServer("127.0.0.2", attacker.port);
  const shared = join(pod.root, "etc-hosts");
  const hosts = `127.0.0.1 localhost\n127.0.0.2 ${name}\n`;
  writeFileSync(shared, hosts, { mode: 0o644 });
  const out = join(pod.roots.work, "dir-0");
  const attack = `cat /etc/hosts > ${out}/seen; echo d > ${out}/x; echo 127.0.0.1 ${name} > /etc/hosts`;
  const plan = makePlan([executor(["/bin/sh", "-c", attack], { ignoreError: true })], {
    staging: "supervisor",
    mounts: [{ path: "/out", folder: "dir-0", file: false }],
    outputs: [{ path: "/out/x", type: "FILE", url: `http://${name}:${storage.port}/x` }],
  });
  const runtime = [...withBound([{ from: shared, to: "/etc/hosts", readOnly: false }]), process.execPath];
  using supervisor = startSidecar("supervise", pod, { plan, runtime });
  await supervisor.saw("staged");
  using gate = startGate(pod.roots, 0, withBound(etcMounts(pod, shared)));
  await Promise.all([supervisor.exitCode, gate.exitCode]);
  expect(attacker.asked).toEqual([]);
  expect(storage.asked).toContain("PUT /x");
  expect(readFileSync(shared, "utf8")).toBe(hosts);
  expect(readFileSync(join(out, "seen"), "utf8")).toBe(hosts);
  expect(supervisor.events().at(-1)).toEqual({ type: "finished", outcome: "complete" });
});
