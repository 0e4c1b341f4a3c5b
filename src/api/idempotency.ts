// Idempotency-Key: a create that a client may send again when it did not see the answer.
import { createHash } from "node:crypto";
import type { Context } from "hono";
import type { Claim } from "../store/store.ts";
import { TesError } from "../tes/errors.ts";
import { limits } from "../tes/limits.ts";

const header = "Idempotency-Key";

/** Neither a user's name nor a key has a blank, so none is another's, nor one that was sent where nobody needs a login. */
const ofUser = (user: string | undefined, key: string): string =>
  user === undefined ? key : `${encodeURIComponent(user.toWellFormed())} ${key}`;

/** What the request's key stands for, to the user who sent it; undefined if it has none. Throws TesError "invalid" if it is no key. */
export function readClaim({ req, get }: Context, body: string, time: Date): Claim | undefined {
  const key = req.header(header);
  if (key === undefined) return undefined;
  if (!/^[!-~]+$/.test(key) || key.length > limits.idempotencyKeyLengthMax) {
    const message = `Must be 1 to ${limits.idempotencyKeyLengthMax} visible ASCII characters`;
    throw new TesError("invalid", "Header is not valid", { faults: [{ path: header, message }] });
  }
  return {
    key: ofUser(get("user"), key),
    digest: createHash("sha256").update(body).digest("base64url"),
    time,
    forgetBefore: new Date(time.getTime() - limits.idempotencyHours * 3_600_000),
  };
}
