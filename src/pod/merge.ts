// Merging: directories that are too many to be mounted one by one are mounted by directories that hold several of them.
import type { TaskPath } from "../../sidecar/contract/path.ts";
import { isWithinKey, pathOfKey } from "./directory-set.ts";

/** The nearest directory that holds all of some of the directories to mount. */
interface Common {
  readonly key: string;
  readonly depth: number;
  parent: Common | undefined;
  /** How many mounts are below it, as long as it is not mounted itself. */
  count: number;
  isMounted: boolean;
  /** Whether a directory above it is mounted. */
  isCovered: boolean;
}

/**
 * The mounts for these directories: themselves if they are at most `most`, else in the place of some of them the nearest common
 * directories that `mayCover` allows. A mount hides what the image has at its place, so the deepest directories come first, and
 * of one depth those that hold most; what proves needless in the end is undone, the directories nearest to the root first. More
 * than `most` are returned if there is no way to fewer. The same directories give the same mounts.
 *
 * Takes and returns sort keys, sorted, none within another. What holds a directory that may not be covered is not covered either.
 */
export function mergeDirectories(
  keys: readonly string[],
  most: number,
  mayCover: (path: TaskPath) => boolean,
): string[] {
  if (keys.length <= most) return [...keys];
  const levels = [...Map.groupBy(commonDirectories(keys), ({ depth }) => depth)]
    .sort(([one], [other]) => other - one)
    .map(([, commons]) => commons.filter(({ key }) => mayCover(pathOfKey(key))))
    .map((commons) => commons.sort((one, other) => other.count - one.count));
  const total = mountSome(levels.flat(), keys.length, most);
  const fromTheRoot = levels.flat().reverse();
  unmountNeedless(fromTheRoot, total, most);
  const mounted = fromTheRoot.filter((common) => common.isMounted && !common.isCovered);
  return withMounted(keys, mounted.map(({ key }) => key).sort());
}

/** Mounts one after the other until the mounts are few enough, and tells how many they are then. */
function mountSome(commons: readonly Common[], count: number, most: number): number {
  let total = count;
  for (const common of commons) {
    if (total <= most) break;
    const fewer = common.count - 1;
    common.isMounted = true;
    total -= fewer;
    for (let above = common.parent; above !== undefined; above = above.parent) above.count -= fewer;
  }
  return total;
}

/** Those above come first. */
function unmountNeedless(commons: readonly Common[], count: number, most: number): void {
  let total = count;
  for (const common of commons) {
    const { parent } = common;
    common.isCovered = parent !== undefined && (parent.isMounted || parent.isCovered);
    const more = common.count - 1;
    if (!common.isMounted || common.isCovered || total + more > most) continue;
    common.isMounted = false;
    total += more;
  }
}

/** The keys, with the mounted directories in the place of what is in them. Both are sorted. */
function withMounted(keys: readonly string[], mounted: readonly string[]): string[] {
  const merged: string[] = [];
  let next = 0;
  for (const key of keys) {
    const last = merged.at(-1);
    if (last !== undefined && isWithinKey(key, last)) continue;
    const directory = mounted[next];
    const isHeld = directory !== undefined && isWithinKey(key, directory);
    if (isHeld) next += 1;
    merged.push(isHeld ? directory : key);
  }
  return merged;
}

/** A common directory of which the end is not yet seen. */
interface Open {
  readonly common: Common;
  readonly from: number;
}

/** One for each place where the sorted keys part, children before their parents: fewer than there are keys. */
function commonDirectories(keys: readonly string[]): Common[] {
  const done: Common[] = [];
  const open: Open[] = [];
  for (const [index, key] of keys.entries()) {
    if (index === 0) continue;
    const length = commonLength(keys[index - 1] ?? "", key);
    const ended = endLonger(open, { length, index, done });
    const from = ended?.from ?? index - 1;
    if (open.at(-1)?.common.key.length !== length)
      open.push({ common: newCommon(key.slice(0, length)), from });
    if (ended !== undefined) ended.common.parent = open.at(-1)?.common;
  }
  endLonger(open, { length: -1, index: keys.length, done });
  return done;
}

/** Ends those that are longer, and so do not hold the key at that index. Returns the outermost of them, without its parent. */
function endLonger(
  open: Open[],
  { length, index, done }: { length: number; index: number; done: Common[] },
): Open | undefined {
  let ended: Open | undefined;
  for (let last = open.at(-1); last !== undefined && last.common.key.length > length; last = open.at(-1)) {
    open.pop();
    if (ended !== undefined) ended.common.parent = last.common;
    last.common.count = index - last.from;
    done.push(last.common);
    ended = last;
  }
  return ended;
}

const newCommon = (key: string): Common => ({
  key,
  depth: key.split("\0").length - 1,
  parent: undefined,
  count: 0,
  isMounted: false,
  isCovered: false,
});

/** The length of the key of the nearest directory that holds both, neither of which holds the other. */
function commonLength(one: string, other: string): number {
  let length = 0;
  while (length < one.length && one[length] === other[length]) length += 1;
  return length === 0 ? 0 : one.lastIndexOf("\0", length - 1);
}
