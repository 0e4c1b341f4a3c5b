// Sets of directories, of which thousands may come in one task: sorted once, then asked in logarithmic time.
import type { TaskPath } from "../../sidecar/contract/path.ts";

/**
 * Paths in an order in which all that lies in a directory comes right after it: no name can hold a NUL, and nothing sorts
 * before it. The root is "".
 */
export const sortKey = (path: TaskPath): string => (path === "/" ? "" : path.replaceAll("/", "\0"));
export const pathOfKey = (key: string): TaskPath =>
  (key === "" ? "/" : key.replaceAll("\0", "/")) as TaskPath;

/** The sort keys of those directories that lie in none of the others, sorted. */
export function outermostKeys(paths: Iterable<TaskPath>): string[] {
  const outermost: string[] = [];
  let last: string | undefined;
  for (const key of [...new Set(paths)].map(sortKey).sort()) {
    if (last !== undefined && isWithinKey(key, last)) continue;
    outermost.push(key);
    last = key;
  }
  return outermost;
}

/** The sort keys of those paths that lie in another, hold another, or come more than once. */
export function overlappingKeys(paths: readonly TaskPath[]): ReadonlySet<string> {
  const overlapping = new Set<string>();
  let last: string | undefined;
  for (const key of paths.map(sortKey).sort()) {
    if (last === undefined || !isWithinKey(key, last)) last = key;
    else overlapping.add(last).add(key);
  }
  return overlapping;
}

/** True if the one is the directory or lies in it. Compared without building a string, as this is the inner loop. */
export const isWithinKey = (key: string, directory: string): boolean =>
  directory === "" ||
  (key.startsWith(directory) && (key.length === directory.length || key[directory.length] === "\0"));

/** Which of the directories a path is or lies in; none of them lies in another, and their keys are sorted. */
export function holderAmong(keys: readonly string[]): (path: TaskPath) => TaskPath | undefined {
  return (path) => {
    const wanted = sortKey(path);
    const candidate = keys[firstAbove(keys, wanted) - 1];
    return candidate !== undefined && isWithinKey(wanted, candidate) ? pathOfKey(candidate) : undefined;
  };
}

/** Whether one of the paths, whose keys are sorted, is the directory or lies in it. */
export function anyWithin(keys: readonly string[]): (directory: TaskPath) => boolean {
  return (directory) => {
    const wanted = sortKey(directory);
    const at = firstAbove(keys, wanted);
    return [keys[at - 1], keys[at]].some((key) => key !== undefined && isWithinKey(key, wanted));
  };
}

/** The index of the first of the sorted keys that is greater. */
function firstAbove(keys: readonly string[], wanted: string): number {
  let [low, high] = [0, keys.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] ?? "") <= wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}
