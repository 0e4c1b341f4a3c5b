// Web identity: keys for some time from a token that Kubernetes, or whoever vouches for the pod, keeps in a file.
import { readFile } from "node:fs/promises";
import { boundedText } from "./body.ts";
import { whilePatient } from "./patience.ts";
import { s3Failure } from "./s3-error.ts";
import type { S3Keys } from "./s3-signature.ts";
import { textOf } from "./s3-xml.ts";
import { type S3Settings, StorageError, type WebIdentity } from "./storage.ts";

/** Keys are asked for anew when they have no longer than this to go. */
const RENEW_MILLISECONDS = 5 * 60_000;
const ANSWER_TEXT_MAX = 64 * 1024;
const REQUEST_PATIENCE = { stallMilliseconds: 30_000, bytesPerSecondMin: 1024 };

/** The keys as long as they hold, then others; asked for once, however many need them. */
export function webIdentityKeys(
  identity: WebIdentity,
  settings: Pick<S3Settings, "region" | "ca">,
): (signal: AbortSignal) => Promise<S3Keys> {
  let held: { keys: S3Keys; expires: number } | undefined;
  let asking: Promise<S3Keys> | undefined;
  return (signal) => {
    if (held && held.expires - Date.now() > RENEW_MILLISECONDS) return Promise.resolve(held.keys);
    asking ??= assumeRole(identity, settings, signal)
      .then((answer) => {
        held = answer;
        return answer.keys;
      })
      .finally(() => {
        asking = undefined;
      });
    return asking;
  };
}

/** AssumeRoleWithWebIdentity of Amazon's security token service, which others have too. */
async function assumeRole(
  { tokenFile, roleArn, sessionName, endpoint }: WebIdentity,
  { region, ca }: Pick<S3Settings, "region" | "ca">,
  signal: AbortSignal,
): Promise<{ keys: S3Keys; expires: number }> {
  const token = await readFile(tokenFile, "utf8").catch((error: unknown) => {
    throw new StorageError("permanent", `the web identity token "${tokenFile}" cannot be read`, {
      cause: error,
    });
  });
  const form = new URLSearchParams({
    Action: "AssumeRoleWithWebIdentity",
    Version: "2011-06-15",
    RoleSessionName: sessionName ?? "tespod",
    WebIdentityToken: token.trim(),
    ...(roleArn === undefined ? {} : { RoleArn: roleArn }),
  });
  const url = endpoint ?? `https://sts.${region === undefined ? "" : `${region}.`}amazonaws.com/`;
  const text = await whilePatient({ signal, patience: REQUEST_PATIENCE, bytes: 0 }, async (limit) => {
    const response = await fetch(url, {
      method: "POST",
      // In the body, so that the token is in no URL.
      body: form,
      signal: limit,
      redirect: "manual",
      ...(ca === undefined ? {} : { tls: { ca } }),
    });
    if (!response.ok) throw await s3Failure(response);
    return await boundedText(response, ANSWER_TEXT_MAX);
  });
  const [accessKeyId, secretAccessKey] = [textOf(text, "AccessKeyId"), textOf(text, "SecretAccessKey")];
  if (!accessKeyId || !secretAccessKey) {
    throw new StorageError("permanent", "the token service gave no keys for the web identity token");
  }
  const keys = { accessKeyId, secretAccessKey, sessionToken: textOf(text, "SessionToken") };
  const expires = Date.parse(textOf(text, "Expiration") ?? "");
  return { keys, expires: Number.isNaN(expires) ? 0 : expires };
}
