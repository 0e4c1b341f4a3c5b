// createAuthenticate: the users of the operator's file, as it is now.
import { readFileSync, statSync } from "node:fs";
import { bothWays } from "./config/access.ts";
import type { Logger } from "./log.ts";
import { parseUsers, userOf } from "./users.ts";

/** The user of an Authorization header, or undefined if it is nobody's. */
export type Authenticate = (authorization: string | undefined) => string | undefined;

/** Between two looks at the file. */
const lookMilliseconds = 10_000;

/**
 * By the file as it is now: one that changed is read again soon, one that cannot be read any more leaves things as they were and is
 * complained of. Throws if it cannot be read at first.
 */
export function createAuthenticate(file: string, log: Logger, now: () => number = Date.now): Authenticate {
  const read = () => ({ changed: statSync(file).mtimeMs, known: parseUsers(readFileSync(file, "utf8")) });
  let users: ReturnType<typeof read>;
  try {
    users = read();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : cause;
    throw new Error(`Cannot read users of TESPOD_AUTH_FILE="${file}": ${reason}; ${bothWays}`);
  }
  let looked = now();
  return (authorization) => {
    if (now() - looked >= lookMilliseconds) {
      looked = now();
      try {
        if (statSync(file).mtimeMs !== users.changed) users = read();
      } catch (error) {
        log.error("users cannot be read again, those of before stay", { file, error });
      }
    }
    return userOf(users.known, authorization);
  };
}
