// S3 errors: what S3's answers mean that are no success.
import { boundedText } from "./body.ts";
import { textOf } from "./s3-xml.ts";
import { kindOfStatus, retryAfterOf, StorageError, type StorageErrorKind } from "./storage.ts";

const KINDS: Readonly<Record<string, StorageErrorKind>> = {
  NoSuchKey: "not-found",
  NoSuchBucket: "not-found",
  NotFound: "not-found",
  AccessDenied: "denied",
  AllAccessDisabled: "denied",
  AuthorizationHeaderMalformed: "denied",
  ExpiredToken: "denied",
  InvalidAccessKeyId: "denied",
  InvalidToken: "denied",
  RequestTimeTooSkewed: "denied",
  SignatureDoesNotMatch: "denied",
  // What was sent is not what arrived.
  BadDigest: "transient",
  XAmzContentChecksumMismatch: "transient",
  XAmzContentSHA256Mismatch: "transient",
  IncompleteBody: "transient",
  InternalError: "transient",
  OperationAborted: "transient",
  RequestTimeout: "transient",
  ServiceUnavailable: "transient",
  SlowDown: "transient",
};

const ERROR_TEXT_MAX = 64 * 1024;

/** S3 says what is wrong in a small XML document. */
export async function s3Failure(response: Response): Promise<StorageError> {
  const text = await boundedText(response, ERROR_TEXT_MAX);
  return errorIn(text, response.status, retryAfterOf(response.headers, Date.now()));
}

/** The error in an answer's text; what its status means, if it names none. */
export function errorIn(text: string, status: number, retryAfterMilliseconds?: number): StorageError {
  const code = textOf(text, "Code") ?? "";
  const message = textOf(text, "Message");
  const kind = KINDS[code] ?? kindOfStatus(status);
  const words = message ? `${message} (${code})` : code || `the server answered ${status}`;
  return new StorageError(kind, words, { retryAfterMilliseconds, cause: new S3Code(code) });
}

/** The code that S3 gave, to tell failures apart by. It adds no words to the reason. */
class S3Code extends Error {
  readonly code: string;

  constructor(code: string) {
    super("");
    this.code = code;
  }
}

export const isS3Code = (error: unknown, code: string): boolean =>
  error instanceof StorageError && error.cause instanceof S3Code && error.cause.code === code;
