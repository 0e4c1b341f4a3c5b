// Reason: an error as one line for a person, its causes included.

const CAUSES_MAX = 5;

/** "Cannot upload "s3://b/k": Access denied": what was tried, then why it failed, as far down as it is known. */
export function reasonOf(error: unknown): string {
  const parts: string[] = [];
  for (let at = error; at !== undefined && at !== null && parts.length < CAUSES_MAX; at = causeOf(at)) {
    const part = at instanceof Error ? at.message : String(at);
    // Some errors repeat their cause's text.
    if (part !== "" && !parts.some((earlier) => earlier.includes(part))) parts.push(part);
  }
  return parts.join(": ") || "unknown error";
}

const causeOf = (error: unknown): unknown => (error instanceof Error ? error.cause : undefined);
