// readChunks, readLines: a response body piece by piece and line by line, within bounds.
import type { Deadline } from "./deadline.ts";

/**
 * The body's pieces until it ends. It ends too when the connection is cut, or when nothing comes for `silenceMs`:
 * who must tell these apart looks at `patience.expired` and at its own signal. The time the consumer takes does not count.
 */
export async function* readChunks(
  body: ReadableStream<Uint8Array>,
  patience: Deadline,
  silenceMs: number,
): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  try {
    for (;;) {
      patience.start(silenceMs);
      const { done, value } = await reader.read().catch(() => ({ done: true, value: undefined }));
      patience.stop();
      if (done || value === undefined) return;
      yield value;
    }
  } finally {
    // The stream is over or nobody wants it any more; what the cancelling says is of no use to anyone.
    await reader.cancel().catch(() => undefined);
  }
}

/**
 * The lines without their ends. A last line that no newline ends is dropped, for it was cut.
 * Throws RangeError at a line of more than `charsMax` UTF-16 units.
 */
export async function* readLines(
  chunks: AsyncIterable<Uint8Array>,
  charsMax: number,
): AsyncGenerator<string> {
  // Decodes across the pieces: a character may begin in one and end in the next.
  const decoder = new TextDecoder();
  let parts: string[] = [];
  let chars = 0;
  for await (const chunk of chunks) {
    const pieces = decoder.decode(chunk, { stream: true }).split("\n");
    const rest = pieces.pop() ?? "";
    for (const piece of pieces) {
      yield parts.join("") + piece;
      parts = [];
      chars = 0;
    }
    parts.push(rest);
    chars += rest.length;
    if (chars > charsMax) throw new RangeError(`Line is longer than ${charsMax} characters`);
  }
}
