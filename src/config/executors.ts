// The variable that says what root may do in executors.
import * as v from "valibot";
import { knownCapabilities, usualCapabilities } from "../pod/capabilities.ts";
import { list } from "./values.ts";

const none = "none";

/** Names of capabilities, with "CAP_" or without, in any case; "none" for an empty list. */
const capabilities = v.pipe(
  list,
  v.mapItems((item) => item.toUpperCase().replace(/^CAP_/, "")),
  v.transform((items) => (items.join() === none.toUpperCase() ? [] : items)),
  v.everyItem(
    (item) => knownCapabilities.some((known) => known === item),
    `Must be "${none}", or of ${knownCapabilities.join(", ")}`,
  ),
  v.transform((items) => knownCapabilities.filter((known) => items.includes(known))),
);

export const executorVariables = {
  TESPOD_EXECUTOR_CAPABILITIES: v.optional(capabilities, usualCapabilities.join()),
} as const;
