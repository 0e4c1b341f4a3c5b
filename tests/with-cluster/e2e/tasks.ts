// Tasks and waits that several end-to-end tests use.
import { setTimeout as sleep } from "node:timers/promises";
import type { Deployed } from "../../support/deploy.ts";

export const busybox = "localhost/busybox:1";

/** One executor that runs a shell line. */
export const shell = (line: string, more: object = {}) => ({
  image: busybox,
  command: ["sh", "-c", line],
  ...more,
});

/** Objects of Kubernetes that belong to tasks: pods, claims and plan Secrets, by kind and name. */
async function taskObjects({ kubectl }: Pick<Deployed, "kubectl">, task: string): Promise<string[]> {
  const text = await kubectl(["get", "pods,pvc,secrets", "-o", "name"]);
  return text.split("\n").filter((name) => name.includes(`/tes-${task}`));
}

/** Waits until no object of that task, or of any, is left; throws with what is. */
export async function untilNothingIsLeft(
  service: Pick<Deployed, "kubectl">,
  seconds = 60,
  task = "",
): Promise<void> {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const left = await taskObjects(service, task);
    if (left.length === 0) return;
    if (Date.now() > deadline) throw new Error(`After ${seconds} s there is still: ${left.join(", ")}`);
    await sleep(200);
  }
}

/** Runs a shell line in a pod of its own that has the claim at /claim; answers what it printed. */
export async function inClaim({ kubectl }: Deployed, claim: string, line: string): Promise<string> {
  const name = `look-${Date.now().toString(36)}`;
  const pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name },
    spec: {
      restartPolicy: "Never",
      containers: [
        {
          name: "look",
          image: busybox,
          imagePullPolicy: "IfNotPresent",
          command: ["sh", "-c", line],
          volumeMounts: [{ name: "claim", mountPath: "/claim" }],
        },
      ],
      volumes: [{ name: "claim", persistentVolumeClaim: { claimName: claim } }],
    },
  };
  await kubectl(["apply", "-f", "-"], { input: JSON.stringify(pod) });
  await kubectl(["wait", "--for=jsonpath={.status.phase}=Succeeded", `pod/${name}`, "--timeout=60s"]);
  const text = await kubectl(["logs", name]);
  await kubectl(["delete", "pod", name, "--grace-period=0", "--force"]);
  return text;
}
