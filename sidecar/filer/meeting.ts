// Meeting: in which order inputs are staged that name one path, or of which one lies in another. Pure.
import { parentPath, type TaskPath } from "../contract/path.ts";
import type { PlanInput } from "../contract/plan.ts";

/** An input that is to be staged, and where it stands among the task's. */
export type StagedInput = PlanInput & { readonly index: number };

/**
 * The inputs in groups to be staged one after the other: within a group no two meet, and of two that meet the later one is in a later
 * group. An input that comes again at the same path is staged once, in its last place.
 */
export function wavesOf<Input extends PlanInput>(inputs: readonly Input[]): Input[][] {
  const waves = groupByLevel(inputs);
  return waves.length <= 1 ? waves : groupByLevel(withoutRepeats(inputs));
}

function groupByLevel<Input extends PlanInput>(inputs: readonly Input[]): Input[][] {
  const waves: Input[][] = [];
  /** The next free group at each path, and at what lies below each folder. */
  const nextAt = new Map<TaskPath, number>();
  const nextBelow = new Map<TaskPath, number>();
  for (const input of inputs) {
    const { path } = input;
    const above = upwards(path);
    const meeting = [path, ...above].map((each) => nextAt.get(each) ?? 0);
    const level = Math.max(nextBelow.get(path) ?? 0, ...meeting);
    nextAt.set(path, level + 1);
    for (const folder of above) nextBelow.set(folder, Math.max(nextBelow.get(folder) ?? 0, level + 1));
    waves[level] ??= [];
    waves[level].push(input);
  }
  return waves;
}

function withoutRepeats<Input extends PlanInput>(inputs: readonly Input[]): Input[] {
  const keyOf = ({ type, url, content, path }: Input) => JSON.stringify([type, url, content, path]);
  const last = new Map(inputs.map((input, index) => [keyOf(input), index]));
  return inputs.filter((input, index) => last.get(keyOf(input)) === index);
}

/** Each folder above the path, the nearest first. */
function upwards(path: TaskPath): TaskPath[] {
  const above: TaskPath[] = [];
  for (let at = path; at !== "/"; at = parentPath(at)) above.push(parentPath(at));
  return above;
}
