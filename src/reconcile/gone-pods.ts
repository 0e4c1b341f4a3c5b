// GonePods: how pods that are gone were seen last.
import type { PodFacts } from "../pod/observe.ts";
import type { LastSight } from "./decide.ts";

export interface GonePods {
  /** `isFinal` if that is how the pod was when it went. */
  remember(facts: PodFacts, isFinal: boolean): void;
  /** There is a pod of that name again. */
  forget(name: string): void;
  last(name: string): LastSight | undefined;
}

/** So many are remembered: decisions on them follow within seconds. */
const podsMax = 4096;

export function createGonePods(): GonePods {
  /** By name, those that went first at the front. */
  const gone = new Map<string, LastSight>();
  return {
    remember(facts, isFinal) {
      gone.delete(facts.name);
      gone.set(facts.name, { facts, isFinal });
      const [oldest] = gone.keys();
      if (gone.size > podsMax && oldest !== undefined) gone.delete(oldest);
    },
    forget: (name) => void gone.delete(name),
    last: (name) => gone.get(name),
  };
}
