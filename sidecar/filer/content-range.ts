// Content range: which bytes of a file an answer says it brings.

export function rangeOf(
  response: Response,
): { start: number; end: number; total: number | undefined } | undefined {
  const match = /^bytes (\d+)-(\d+)\/(?:(\d+)|\*)$/.exec(response.headers.get("content-range") ?? "");
  if (!match) return undefined;
  return {
    start: Number(match[1]),
    end: Number(match[2]),
    total: match[3] === undefined ? undefined : Number(match[3]),
  };
}

/** Undefined if the server does not say (a chunked body). */
export function lengthOf(response: Response): number | undefined {
  const length = response.headers.get("content-length");
  return length === null ? undefined : Number(length);
}
