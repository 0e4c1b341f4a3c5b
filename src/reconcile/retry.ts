// How a task ends, or gets another pod. Pure.
import { newRun, type Run, systemLog, type TaskRecord, withState } from "../tes/record.ts";
import type { State } from "../tes/state.ts";
import { mayHaveLeft } from "./clean-up.ts";
import type { Decision, Situation } from "./decide.ts";
import { isLost } from "./lost.ts";
import { noteImages } from "./note-images.ts";
import { started } from "./started.ts";

export function finish({ record, sight, now }: Situation, state: State, reason?: string): Decision {
  const systemLogs = reason === undefined ? [] : [systemLog(reason, now.toISOString())];
  return { do: "change", record: withState(noteImages(record, sight), state, now), systemLogs };
}

/**
 * Another pod, if it is known that no executor was started and there are attempts left; else the end. Where it is not known,
 * a pod that is still there is looked at first.
 */
export function retryOr(situation: Situation, state: State, reason: string): Decision {
  const { record, sight, policy, looked, now } = situation;
  const { attempt } = record.run;
  const known = started(situation);
  if (known === "yes") return finish(situation, state, reason);
  const isThere = typeof sight !== "string" && sight.supervisor === undefined && !isLost(sight, now);
  if (known === "unknown" && isThere && !looked) return { do: "look" };
  const mayRepeat = (known === "no" || policy.retryUnknown) && attempt < policy.attemptsMax;
  const unknown = `${reason}; whether an executor had started is not known`;
  if (!mayRepeat) return finish(situation, state, known === "no" ? reason : unknown);
  const words = known === "no" ? `${reason}; no executor was started` : unknown;
  return again(situation, `${words}, trying again (attempt ${attempt + 1} of ${policy.attemptsMax})`);
}

/** What is known of the inputs, and of what is left of this pod, stays so, as does what is held of the task apart. */
function again({ record, now }: Situation, message: string): Decision {
  const { attempt, redirected, mounted, uploads, held } = record.run;
  const run: Run = {
    ...newRun(attempt + 1),
    ...(redirected === undefined ? {} : { redirected }),
    ...(mounted === undefined ? {} : { mounted }),
    ...(mayHaveLeft(record) ? { folderLeft: true } : {}),
    ...(uploads === undefined ? {} : { uploads }),
    ...(held === undefined ? {} : { held }),
  };
  const next: TaskRecord = { ...withState(record, "QUEUED", now), run };
  return { do: "change", record: next, systemLogs: [systemLog(message, now.toISOString())] };
}

/**
 * An input is redirected at most twice: to where a link leads, and then to a copy, should the link lead elsewhere by then. After
 * that it may prove that its copy has to be mounted by itself.
 */
const replansMax = 3;

/** Another pod, whatever the attempts: this one did not fail. It ends before its first executor is started. */
export function replan(situation: Situation): Decision {
  const { attempt } = situation.record.run;
  if (attempt >= situation.policy.attemptsMax + replansMax) return finish(situation, "SYSTEM_ERROR");
  return again(situation, `Another pod follows: attempt ${attempt + 1}`);
}

export const preempted = (situation: Situation, reason: string): Decision =>
  retryOr(situation, situation.policy.preemptedState, `Pod was preempted: ${reason}`);
