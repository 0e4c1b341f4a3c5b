// An installation in one namespace: it works as before, and moves its tasks to a namespace of their own when none is left.
import { afterAll, describe, expect, test } from "bun:test";
import { type Deployed, deploy } from "../../support/deploy.ts";
import { cluster, ensureImages } from "../../support/service.ts";
import { shell, untilNothingIsLeft } from "./tasks.ts";

const namespace = "tespod-upgrade";

describe.skipIf(cluster === undefined)("an installation in one namespace", () => {
  let deployed: Deployed | undefined;

  afterAll(() => deployed?.remove(), 180_000);

  /** Applies it, and runs a task; answers the task's id and the namespaces that its pod, and Secrets, were in. */
  async function runOn(oneNamespace: boolean) {
    if (cluster === undefined) throw new Error("There is no cluster");
    const requests = { cpu: "2m", memory: "32Mi" };
    deployed = await deploy(cluster, { namespace, oneNamespace, requests, restart: true });
    const id = await deployed.tes.create({ executors: [shell("sleep 2; echo here")] });
    await deployed.tes.wait(id, { until: (state) => state === "RUNNING" });
    const namespaces = "jsonpath={.items[*].metadata.namespace}";
    const pods = await cluster.kubectl(["get", "pods", "-A", "-l", `tespod/task=${id}`, "-o", namespaces]);
    const task = await deployed.tes.wait(id);
    await untilNothingIsLeft(deployed);
    return { id, pods, state: task.state, stdout: task.logs?.[0]?.logs[0]?.stdout };
  }

  test("runs tasks there, then in a namespace of their own, and knows those of before", async () => {
    await ensureImages();
    const before = await runOn(true);
    expect(before).toMatchObject({ state: "COMPLETE", stdout: "here\n", pods: namespace });
    const after = await runOn(false);
    expect(after).toMatchObject({ state: "COMPLETE", stdout: "here\n", pods: `${namespace}-tasks` });
    expect(await deployed?.tes.get(before.id)).toMatchObject({ state: "COMPLETE" });
    // What the document says to remove is what the service no longer needs.
    const left = "secret/tespod-storage secret/tespod-report-key role/tespod rolebinding/tespod".split(" ");
    await deployed?.serviceKubectl(["delete", ...left]);
    expect(await runOn(false)).toMatchObject({ state: "COMPLETE", pods: `${namespace}-tasks` });
    expect(await deployed?.serviceKubectl(["get", "secrets,roles", "-o", "name"])).toBe("");
  }, 300_000);

  test("the service may do nothing in its own namespace", async () => {
    const may = (verb: string, what: string, where: string) =>
      cluster
        ?.kubectl([
          "auth",
          "can-i",
          verb,
          what,
          "-n",
          where,
          `--as=system:serviceaccount:${namespace}:tespod`,
        ])
        .then(
          (text) => text.trim(),
          (error) => (/^no$/m.test(String(error)) ? "no" : String(error)),
        );
    const asked = ["get secrets", "create pods", "get pods", "list configmaps", "get pods/log"].map((each) =>
      each.split(" "),
    );
    const answers = async (where: string) =>
      Promise.all(asked.map(([verb = "", what = ""]) => may(verb, what, where)));
    expect(await answers(namespace)).toEqual(["no", "no", "no", "no", "no"]);
    expect(await answers(`${namespace}-tasks`)).toEqual(["no", "yes", "yes", "no", "yes"]);
  }, 60_000);
});
