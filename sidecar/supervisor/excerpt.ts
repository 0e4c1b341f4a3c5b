// Excerpt: the first and the last bytes of an output of any length, as text for the task's log.

export interface Excerpt {
  add(chunk: Uint8Array): void;
  /** What was added, its middle replaced by one line that says how many bytes are missing. */
  text(): string;
}

/** Keeps at most headBytes + 2 × tailBytes in memory. */
export function createExcerpt(headBytes: number, tailBytes: number): Excerpt {
  const head: Uint8Array[] = [];
  let tail: Uint8Array[] = [];
  let headRoom = headBytes;
  let tailLength = 0;
  let total = 0;
  return {
    add(chunk) {
      total += chunk.length;
      const forHead = chunk.subarray(0, headRoom);
      if (forHead.length > 0) head.push(forHead.slice());
      headRoom -= forHead.length;
      const rest = chunk.subarray(forHead.length);
      // A chunk's last bytes are all that can matter; the copy lets go of the chunk's own memory.
      const forTail = rest.slice(Math.max(0, rest.length - tailBytes));
      if (forTail.length === tailBytes) tail = [];
      if (forTail.length > 0) tail.push(forTail);
      tailLength = tail.length === 1 ? forTail.length : tailLength + forTail.length;
      if (tailLength <= 2 * tailBytes) return;
      tail = [lastBytes(tail, tailBytes)];
      tailLength = tailBytes;
    },
    text: () => joinExcerpt(Buffer.concat(head), lastBytes(tail, tailBytes), total),
  };
}

const lastBytes = (chunks: readonly Uint8Array[], count: number): Uint8Array => {
  const all = Buffer.concat(chunks);
  return new Uint8Array(all.subarray(Math.max(0, all.length - count)));
};

/** The text of an output of `total` bytes of which only the head and the tail are known. */
function joinExcerpt(head: Uint8Array, tail: Uint8Array, total: number): string {
  const left = total - head.length - tail.length;
  if (left <= 0) return readable(Buffer.concat([head, tail]));
  // A character that the cut went through is dropped on both sides rather than shown as damaged.
  const before = utf8().decode(head, { stream: true });
  let start = 0;
  while (start < 3 && isContinuation(tail[start])) start += 1;
  const line = `[tespod: ${left} bytes left out]`;
  return (
    withoutNul(`${before}${before.endsWith("\n") ? "" : "\n"}${line}\n`) + readable(tail.subarray(start))
  );
}

const isContinuation = (byte: number | undefined): boolean =>
  byte !== undefined && (byte & 0b1100_0000) === 0b1000_0000;

/** Bytes that are no UTF-8 become U+FFFD; so does NUL, which many a database refuses in a text. */
const readable = (bytes: Uint8Array): string => withoutNul(utf8().decode(bytes));
const withoutNul = (text: string): string => text.replaceAll("\0", "\uFFFD");
/** A byte order mark is the output's own. */
const utf8 = (): TextDecoder => new TextDecoder("utf-8", { ignoreBOM: true });
