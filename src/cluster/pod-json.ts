// readPod: a pod as it came over the wire → V1Pod, with its times as Dates, as client-node's own calls give it.
import type { V1Pod } from "@kubernetes/client-node";
// Not exported from the package's index, though every API class of it is built on it; client-node's own Watch leaves
// the times strings, so that the same V1Pod has two shapes.
import { ObjectSerializer } from "@kubernetes/client-node/dist/gen/models/ObjectSerializer.js";

/** Drops managedFields, which are often half of the object and used by nobody here. */
export function readPod(json: { readonly metadata?: object }): V1Pod {
  if (json.metadata !== undefined) Reflect.deleteProperty(json.metadata, "managedFields");
  return ObjectSerializer.deserialize(json, "V1Pod", "") as V1Pod;
}
