// parseWatchEvent: one line of a watch → what it says.
import type { PodChange } from "./cluster.ts";
import { readPod } from "./pod-json.ts";
import { type Status, StatusError } from "./status-error.ts";

/** What one line of a watch says. A bookmark has no change. */
export interface WatchEvent {
  readonly change: PodChange | undefined;
  /** The version from which to go on after it. */
  readonly resourceVersion: string;
}

interface WatchLine {
  readonly type: string;
  readonly object: {
    readonly metadata?: { readonly resourceVersion?: string };
    readonly code?: number;
    readonly reason?: string;
    readonly message?: string;
  };
}

/**
 * Throws StatusError for an ERROR event, 410 if the version asked for is too old, and SyntaxError for what is no event.
 * Source: Kubernetes API concepts, "Efficient detection of changes" and "Watch bookmarks".
 */
export function parseWatchEvent(line: string): WatchEvent {
  const { type, object } = JSON.parse(line) as WatchLine;
  if (type === "ERROR") throw new StatusError(readError(object));
  const resourceVersion = object?.metadata?.resourceVersion;
  if (resourceVersion === undefined) {
    throw new SyntaxError(`Cannot read watch event "${type}": it has no resourceVersion`);
  }
  switch (type) {
    case "ADDED":
    case "MODIFIED":
      return { change: { type: "changed", pod: readPod(object) }, resourceVersion };
    case "DELETED":
      return { change: { type: "deleted", pod: readPod(object) }, resourceVersion };
    case "BOOKMARK":
      return { change: undefined, resourceVersion };
    default:
      throw new SyntaxError(`Cannot read watch event "${type}": unknown type`);
  }
}

function readError(object: WatchLine["object"]): Status {
  return {
    code: object.code ?? 500,
    reason: object.reason ?? "Unknown",
    message: object.message ?? "The watch ended with an error",
    retryAfterSeconds: undefined,
  };
}
