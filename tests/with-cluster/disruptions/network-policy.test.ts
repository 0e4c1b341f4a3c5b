// The manifests' network policies, enforced: what pods of tasks reach and what not, from an executor and by the filer.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { readSettings } from "../../cluster/settings.ts";
import { until } from "../../cluster/shell.ts";
import type { Deployed } from "../../support/deploy.ts";
import { cluster, service } from "../../support/service.ts";
import type { TesTask } from "../../support/tes-client.ts";
import { runLabels } from "../../support/test-run.ts";
import { busybox, shell } from "../e2e/tasks.ts";
import { ended, secondsMax, systemLogs, testMilliseconds } from "../failures/failures.ts";
import { onNode } from "../failures/host-processes.ts";
import { makeOutside, metadataAddress, type Outside, removeOutside } from "./outside.ts";
import { prepareEnforcer, startEnforcer, stopEnforcer, untilEnforced } from "./policy-enforcer.ts";

const namespace = "tespod-walls";
const { nodeIp, ports } = readSettings();
/** The first build of the enforcer takes minutes. */
const buildMilliseconds = 1_200_000;
const secret = "of-another-user";
/** A namespace that is none of ours. */
const other = `${namespace}-other`;

/** Names and storage are on this cluster's node and not in its pods, and its node may have a public address. */
const ofThisCluster = [
  {
    to: [{ ipBlock: { cidr: `${nodeIp}/32` } }],
    ports: [{ port: ports.dns, protocol: "UDP" }, { port: ports.dns, protocol: "TCP" }, { port: ports.s3 }],
  },
];

interface Place {
  readonly name: string;
  readonly host: string;
  readonly port: number;
}

const allowed = (outside: Outside): Place[] => [
  { name: "the report port", host: `tespod-internal.${namespace}`, port: 8081 },
  { name: "a public address", host: outside.address, port: 80 },
  { name: "the storage that the operator allows", host: nodeIp, port: ports.s3 },
];

const forbidden = (neighbour: string): Place[] => [
  { name: "the API", host: `tespod.${namespace}`, port: 8080 },
  { name: "the API server's Service", host: "kubernetes.default", port: 443 },
  { name: "the API server's address", host: nodeIp, port: ports.apiServer },
  { name: "the metadata service", host: metadataAddress, port: 80 },
  { name: "another task's pod", host: neighbour, port: 8000 },
  { name: "the kubelet", host: nodeIp, port: ports.kubelet },
];

/** Asks a web server, by what the image has: its wget ends in the middle when it is given a name and a bound on time. */
const get = (host: string, port: number, path: string): string =>
  `printf 'GET ${path} HTTP/1.1\\r\\nHost: test\\r\\nConnection: close\\r\\n\\r\\n' | nc -w 3 ${host} ${port}`;

/** Whether the node, which policies do not hold, can connect. */
async function connects(host: string, port: number): Promise<boolean> {
  const socket = createConnection({ host, port });
  try {
    return await once(socket, "connect").then(() => true);
  } finally {
    socket.destroy();
  }
}

const stdoutOf = (task: TesTask): string => task.logs?.[0]?.logs[0]?.stdout ?? "";

describe.skipIf(!onNode)("the manifests' network policies", () => {
  const folder = mkdtempSync(join(tmpdir(), "tespod-walls-"));
  let deployed: Deployed;
  let outside: Outside;
  /** The pod of a task of somebody else, which listens. */
  let neighbour: { readonly id: string; readonly ip: string };

  beforeAll(async () => {
    await prepareEnforcer();
    deployed = await service({ namespace, egress: ofThisCluster, nodeIp });
    const made = { apiVersion: "v1", kind: "Namespace", metadata: { name: other, labels: runLabels() } };
    await deployed.kubectl(["apply", "-f", "-"], { input: JSON.stringify(made) });
    outside = await makeOutside(folder, `http://tespod.${namespace}:8080/v1/tasks?view=FULL`);
    const id = await deployed.tes.create({
      inputs: [{ path: "/in/secret", content: secret }],
      executors: [shell("nc -ll -p 8000 -e echo neighbour")],
    });
    neighbour = { id, ip: await podIp(id) };
    await until("the neighbour", secondsMax, () => connects(neighbour.ip, 8000));
  }, buildMilliseconds);

  afterAll(async () => {
    await stopEnforcer();
    removeOutside();
    rmSync(folder, { recursive: true });
    await cluster?.kubectl(["delete", "namespace", other, "--ignore-not-found", "--wait=false"]);
    if (neighbour !== undefined) await deployed.tes.cancel(neighbour.id);
  }, testMilliseconds);

  async function podIp(id: string): Promise<string> {
    for (const deadline = Date.now() + secondsMax * 1000; Date.now() < deadline; await sleep(200)) {
      const pod = ["get", "pods", "-l", `tespod/task=${id}`, "-o", "jsonpath={.items[*].status.podIP}"];
      const address = await deployed.kubectl(pod);
      if (address !== "") return address;
    }
    throw new Error(`The pod of ${id} has no address`);
  }

  /** Which of the places a task's executor can connect to, once `before` is over. */
  async function reached(places: readonly Place[], before: string): Promise<Record<string, string>> {
    const probes = places.map(
      ({ name, host, port }) =>
        `nc -w 3 ${host} ${port} -e true && echo "${name}: open" || echo "${name}: closed"`,
    );
    const lines = [before, ...probes].join("\n");
    const task = await ended(
      deployed,
      await deployed.tes.create({ executors: [shell(`{ ${lines}\n} 2>/dev/null`)] }),
    );
    expect(task.state).toBe("COMPLETE");
    const said = stdoutOf(task).trim().split("\n");
    return Object.fromEntries(said.map((line) => line.split(": ", 2)));
  }

  const all = (places: readonly Place[], state: string) =>
    Object.fromEntries(places.map(({ name }) => [name, state]));

  /** A pod's address is known, and its rules are made, when its first container may have started. */
  const untilHeld = () =>
    `i=0; while [ $i -lt 60 ] && nc -w 1 ${neighbour.ip} 8000 -e true; do sleep 1; i=$((i+1)); done`;

  test(
    "where they are not enforced an executor reaches each place, as the check in docs/security.md shows",
    async () => {
      const places = [...allowed(outside), ...forbidden(neighbour.ip)];
      expect(await reached(places, ":")).toEqual(all(places, "open"));
      const api = (path: string) => get(`tespod.${namespace}`, 8080, path);
      const line = `${api("/healthz")}; ${api("/v1/tasks?view=FULL")}`;
      const task = await ended(deployed, await deployed.tes.create({ executors: [shell(line)] }));
      expect(stdoutOf(task)).toContain('{"status":"alive"}');
      expect(stdoutOf(task)).toContain(secret);
    },
    testMilliseconds,
  );

  describe("enforced", () => {
    beforeAll(() => startEnforcer(neighbour.ip), testMilliseconds);

    test(
      "an executor reaches the report port and what is outside, and nothing in the cluster",
      async () => {
        const [open, closed] = [allowed(outside), forbidden(neighbour.ip)];
        expect(await reached([...open, ...closed], untilHeld())).toEqual({
          ...all(open, "open"),
          ...all(closed, "closed"),
        });
      },
      testMilliseconds,
    );

    test(
      "the task list is in no executor's reach, in no view",
      async () => {
        const list = (view: string) =>
          `${get(`tespod.${namespace}`, 8080, `/v1/tasks?view=${view}`)} || echo closed`;
        const line = `{ ${untilHeld()}; ${list("MINIMAL")}; ${list("FULL")}; } 2>/dev/null`;
        const task = await ended(deployed, await deployed.tes.create({ executors: [shell(line)] }));
        expect(stdoutOf(task)).toBe("closed\nclosed\n");
      },
      testMilliseconds,
    );

    test(
      "the filer fetches what is outside, and nothing of the cluster, also where a server outside leads there",
      async () => {
        const id = await deployed.tes.create({
          inputs: [{ url: `http://${outside.address}/late`, path: "/in/list" }],
          executors: [shell("cat /in/list")],
        });
        await untilEnforced(await podIp(id));
        outside.release();
        const task = await ended(deployed, id);
        expect(task.state).toBe("SYSTEM_ERROR");
        expect(systemLogs(task)).toContain("/in/list");
        expect(JSON.stringify(task)).not.toContain(secret);
        const fetched = await deployed.tes.create({
          inputs: [{ url: `http://${outside.address}/`, path: "/in/text" }],
          executors: [shell("cat /in/text")],
        });
        expect(stdoutOf(await ended(deployed, fetched))).toBe("outside");
      },
      testMilliseconds * 2,
    );

    test(
      "reports come in at the internal port, which other pods reach only from a namespace for monitoring",
      async () => {
        const figures = await (await fetch(`${await deployed.internalUrl()}/metrics`)).text();
        expect(figures).toMatch(/tespod_reports_total\{taken="true"\} [1-9]/);
        const metrics = get(`tespod-internal.${namespace}`, 8081, "/metrics");
        const nc = `nc -w 3 ${neighbour.ip} 8000 -e true && echo open || echo closed`;
        const look = `{ ${metrics} | grep -c tespod_tasks; ${nc}; } 2>/dev/null`;
        expect(await fromOther(look)).toBe("0\nclosed\n");
        await cluster?.kubectl(["label", "namespace", other, "tespod/monitoring=true"]);
        expect(await fromOther(`sleep 5; ${look}`)).toMatch(/^[1-9]\d*\nclosed\n$/);
      },
      testMilliseconds,
    );
  });

  /** Runs the line in a pod of another namespace, once its rules may be there. */
  async function fromOther(line: string): Promise<string> {
    const pod = `look-${Date.now().toString(36)}`;
    const args = ["run", pod, "-n", other, `--image=${busybox}`, "--restart=Never", "--", "sh", "-c", line];
    await cluster?.kubectl(args);
    await cluster?.kubectl([
      "wait",
      "-n",
      other,
      `pod/${pod}`,
      "--for=jsonpath={.status.phase}=Succeeded",
      "--timeout=60s",
    ]);
    return (await cluster?.kubectl(["logs", "-n", other, pod])) ?? "";
  }
});
