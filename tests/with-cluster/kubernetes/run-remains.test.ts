// What a run that was killed left in the cluster goes before the next one; what others made stays.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { findCluster } from "../../cluster/cluster.ts";
import { hostId, removeFromCluster, removeOthers } from "../../support/run-remains.ts";
import { runLabel } from "../../support/test-run.ts";

const cluster = await findCluster();
const name = `tespod-test-remains-${Date.now().toString(36)}`;
/** A process with a pid that no kernel gives; one of a machine of which nothing is known. */
const [gone, elsewhere] = [`${hostId()}-4194305-1`, "00000000-4194305-1"];

const objects = [gone, elsewhere].flatMap((run, index) => {
  const metadata = { name: `${name}-${index}`, labels: { [runLabel]: run } };
  return [
    { apiVersion: "v1", kind: "Namespace", metadata },
    { apiVersion: "scheduling.k8s.io/v1", kind: "PriorityClass", metadata, value: 1 },
  ];
});

describe.skipIf(cluster === undefined || hostId() === undefined)("a run that was killed", () => {
  const kubectl = (args: string[], options = {}) => cluster?.kubectl(args, options) ?? Promise.resolve("");
  const there = async (): Promise<string[]> =>
    (await kubectl(["get", "namespaces,priorityclasses", "-o", "name"]))
      .split("\n")
      .filter((object) => object.includes(name))
      .map((object) => object.replace(/.*\//, ""));

  beforeAll(async () => {
    await kubectl(["apply", "-f", "-"], {
      input: JSON.stringify({ apiVersion: "v1", kind: "List", items: objects }),
    });
  });

  afterAll(async () => {
    if (cluster !== undefined) await removeFromCluster(cluster, `tespod-test-${elsewhere}`, 0);
  });

  test("leaves namespaces and classes that the next removes; those of another machine stay", async () => {
    if (cluster === undefined) throw new Error("There is no cluster");
    expect(await there()).toEqual([`${name}-0`, `${name}-1`, `${name}-0`, `${name}-1`]);
    await removeOthers(cluster, 60);
    expect(await there()).toEqual([`${name}-1`, `${name}-1`]);
  });
});
