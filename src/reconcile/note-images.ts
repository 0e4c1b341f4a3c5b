// noteImages: the digests of the executors' images, kept for the task's log.
import type { TaskRecord } from "../tes/record.ts";
import type { Sight } from "./decide.ts";

/**
 * The record with what the pod now tells of its images; the same record if that is nothing new. The kubelet tells it some time
 * after the start, which may be after the task's end: as long as the pod is there, it is not too late.
 */
export function noteImages(record: TaskRecord, sight: Sight): TaskRecord {
  const { run } = record;
  if (typeof sight === "string" || sight.images === undefined || run.cleanUp !== undefined) return record;
  const known = run.images ?? {};
  if (Object.keys(sight.images).every((executor) => executor in known)) return record;
  return { ...record, run: { ...run, images: { ...sight.images, ...known } } };
}
