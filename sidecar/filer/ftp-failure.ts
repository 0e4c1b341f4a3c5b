// FTP failure: what an error of the FTP client means for a transfer.
import { FTPError } from "basic-ftp";
import { StorageError, type StorageErrorKind, storageError } from "./storage.ts";

/** A certificate does not get better with another attempt. */
const TLS_CODES =
  /^(ERR_TLS_|CERT_|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT|UNABLE_TO_(GET|VERIFY)|HOSTNAME_MISMATCH)/;
const ANSWER_LENGTH_MAX = 300;

/** `onMissing` is what 550 means, which servers answer to nearly all that they do not do. */
export function ftpFailure(
  error: unknown,
  { onMissing, password }: { onMissing: StorageErrorKind; password: string },
): StorageError {
  if (error instanceof StorageError) return error;
  if (error instanceof FTPError) {
    // Servers may say what they were told.
    const answer = password === "" ? error.message : error.message.replaceAll(password, "***");
    const text = answer.replace(/\s+/g, " ").slice(0, ANSWER_LENGTH_MAX);
    return new StorageError(kindOf(error, onMissing), `the server answered "${text}"`);
  }
  const { code } = error as NodeJS.ErrnoException;
  if (typeof code === "string" && TLS_CODES.test(code)) {
    return new StorageError("permanent", `the server's certificate is not trusted (${code})`);
  }
  return storageError(error);
}

/** RFC 959, 4.2.1: 4yz may be better another time. */
function kindOf({ code, message }: FTPError, onMissing: StorageErrorKind): StorageErrorKind {
  if (code === 430 || code === 530 || code === 532) return "denied";
  if (code < 500) return "transient";
  if (/permission|denied|not allowed|forbidden/i.test(message)) return "denied";
  return code === 550 ? onMissing : "permanent";
}
