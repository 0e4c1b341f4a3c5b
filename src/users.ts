// Users: who may use the API, and who a request comes from.
import { createHash, timingSafeEqual } from "node:crypto";
import * as v from "valibot";

const name = v.pipe(
  v.string(),
  v.regex(/^[^:\s]{1,64}$/, "Must be 1 to 64 characters, no blanks and no colon"),
);
const secret = v.pipe(v.string(), v.minLength(8, "Must be at least 8 characters"));
const usersSchema = v.pipe(
  v.array(
    v.union(
      [v.strictObject({ user: name, password: secret }), v.strictObject({ user: name, token: secret })],
      'Must be {"user", "password"} or {"user", "token"}, secrets of at least 8 characters',
    ),
  ),
  v.minLength(1, "Must name somebody"),
);

interface Known {
  readonly user: string;
  /** Of what the header must be: secrets themselves are not kept. */
  readonly digest: Buffer;
}

const digestOf = (text: string): Buffer => createHash("sha256").update(text).digest();

/** Reads the text of the file. Throws with what is wrong and where, never with what stands there. */
export function parseUsers(text: string): readonly Known[] {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new Error("It is not valid JSON"); // the error of the parser would show a part of it
  }
  const result = v.safeParse(usersSchema, json);
  if (!result.success) {
    const faults = result.issues.map((issue) => `${v.getDotPath(issue) ?? "all"}: ${issue.message}`);
    throw new Error(faults.join("; ").replaceAll(/ but received .*$/gm, ""));
  }
  return result.output.map((entry) => {
    const { user } = entry;
    const sent =
      "token" in entry
        ? `bearer ${entry.token}`
        : `basic ${Buffer.from(`${user}:${entry.password}`).toString("base64")}`;
    return { user, digest: digestOf(sent) };
  });
}

/** Takes as long whoever it is, and whether it is anybody. */
export function userOf(known: readonly Known[], authorization: string | undefined): string | undefined {
  const [, scheme = "", sent = ""] = /^(Basic|Bearer) +(\S+)$/i.exec(authorization ?? "") ?? [];
  const digest = digestOf(`${scheme.toLowerCase()} ${sent}`);
  const found = known.filter((one) => timingSafeEqual(one.digest, digest));
  return found[0]?.user;
}
