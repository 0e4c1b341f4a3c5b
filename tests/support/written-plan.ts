// WrittenPlan: a plan before it is read: its paths need not be normalized.
import type * as v from "valibot";
import type { taskPlanSchema } from "../../sidecar/contract/plan.ts";

export type WrittenPlan = v.InferInput<typeof taskPlanSchema>;
