// How large a task's pod may become as an object of Kubernetes, so that what no API server would take is refused beforehand.
import type { TaskPlan } from "../../sidecar/contract/plan.ts";
import { TesError } from "../tes/errors.ts";
import type { Task } from "../tes/task.ts";
import { planAnnotationBytesMax } from "./names.ts";

/** etcd takes a request of 1.5 MiB (the API server one of 3 MiB); what is left is for what an admission webhook may add. */
const podBytesMax = 1_500_000;

/** What does not grow with the task, and what one container and one mount have beside the task's own words. */
const podBytes = 40_000 + planAnnotationBytesMax;
const containerBytes = 5_000;
const mountBytes = 220;

/** How many bytes the object needs for a word of the task's. */
type BytesOf = (text: string) => number;

/** In the spec, in the status, and quoted twice in the list of managed fields. */
const bytesOf: BytesOf = (text) =>
  2 * Buffer.byteLength(text) + Buffer.byteLength(JSON.stringify(JSON.stringify(text)));

/** Never less than that, and known without a look: a UTF-16 unit is three bytes at most, and seven where it is quoted twice. */
const bytesOfMost: BytesOf = (text) => text.length * 13;

/** The size that the pod object will reach, with its status and its list of managed fields, or a little more. */
function podBytesOf(
  { executors }: Task,
  { mounts, inPlace = [] }: Pick<TaskPlan, "mounts" | "inPlace">,
  bytesOf: BytesOf,
): number {
  let perExecutor = containerBytes + (mounts.length + inPlace.length) * mountBytes;
  for (const { path } of mounts) perExecutor += bytesOf(path);
  for (const { path, subPath } of inPlace) perExecutor += bytesOf(path) + bytesOf(subPath);
  return executors.reduce(
    (sum, { image, workdir = "" }) => sum + bytesOf(image) + bytesOf(workdir),
    podBytes + executors.length * perExecutor,
  );
}

/** Throws TesError "too-large" if the API server or its database would not take the pod. */
export function checkPodBytes(task: Task, plan: Pick<TaskPlan, "mounts" | "inPlace" | "carried">): void {
  if (podBytesOf(task, plan, bytesOfMost) <= podBytesMax) return;
  const bytes = podBytesOf(task, plan, bytesOf);
  if (bytes <= podBytesMax) return;
  const { executors } = task;
  const mounts = plan.mounts.length + (plan.carried ? 1 : 0) + (plan.inPlace?.length ?? 0);
  throw new TesError(
    "too-large",
    `Task is too large for a pod: ${executors.length} executors with ${mounts} mounts each need some ${bytes} bytes, at most ${podBytesMax}; ` +
      "use fewer executors, shorter paths, or put the files below fewer directories",
  );
}
