// Roots: where the folders that the contract names really are. Tests move them below a scratch folder.
import { BIN, FILES, IMAGE_BIN, PLAN_FILE, ROOT, STEPS, WORK } from "./contract/paths.ts";

export interface Roots {
  bin: string;
  steps: string;
  work: string;
  files: string;
  planFile: string;
  imageBin: string;
  /** Where Kubernetes reads what a container says at its end (the default terminationMessagePath). */
  terminationLog: string;
}

/** The folders of a pod; with `root`, those below ROOT are below that folder instead. */
export function rootsBelow(root: string = ROOT): Roots {
  const below = (path: string): string => root + path.slice(ROOT.length);
  return {
    bin: below(BIN),
    steps: below(STEPS),
    work: below(WORK),
    files: below(FILES),
    planFile: below(PLAN_FILE),
    imageBin: IMAGE_BIN,
    terminationLog: "/dev/termination-log",
  };
}
