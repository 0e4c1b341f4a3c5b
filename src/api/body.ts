// Request bodies: bounded, and JSON whatever the content type says.
import type { Context } from "hono";
import { TesError } from "../tes/errors.ts";
import type { Steps } from "../tes/in-turns.ts";
import { checkingJson } from "../tes/json-bounds.ts";
import { limits } from "../tes/limits.ts";
import { type Lease, smallBytesMax } from "./body-budget.ts";

/** The body's bytes. Throws TesError "too-large" as soon as more than `bytesMax` are known to come, as the lease does if there is no room. */
async function readBytes({ req }: Context, bytesMax: number, lease: Lease): Promise<Uint8Array> {
  const tooLarge = () => new TesError("too-large", `Body is larger than ${bytesMax} bytes`);
  const header = req.header("transfer-encoding") === undefined ? req.header("content-length") : undefined;
  const length = Number(header ?? Number.NaN);
  if (length > bytesMax) throw tooLarge();
  if (length <= smallBytesMax) {
    // No more can come than was told, and as one piece it costs a tenth of the stream.
    lease.take(length);
    const whole = new Uint8Array(await lease.unlessCut(req.raw.arrayBuffer()));
    if (whole.byteLength > bytesMax) throw tooLarge();
    lease.end();
    return whole;
  }
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of chunksOf(req.raw.body, lease)) {
    bytes += chunk.byteLength;
    if (bytes > bytesMax) throw tooLarge();
    lease.take(chunk.byteLength);
    chunks.push(chunk);
  }
  lease.end();
  return Buffer.concat(chunks);
}

/** The stream's chunks until its end; what it still brings after an error is dropped. */
async function* chunksOf(body: ReadableStream<Uint8Array> | null, lease: Lease): AsyncGenerator<Uint8Array> {
  const reader = body?.getReader();
  if (reader === undefined) return;
  try {
    for (;;) {
      const { done, value } = await lease.unlessCut(reader.read());
      if (done) return;
      yield value;
    }
  } finally {
    reader.cancel().catch(() => undefined); // it may have ended by itself
  }
}

/** The body as text, in which what is not UTF-8 is U+FFFD. Throws as soon as more than `bytesMax` are known to come. */
export async function readText(context: Context, bytesMax: number, lease: Lease): Promise<string> {
  return new TextDecoder().decode(await readBytes(context, bytesMax, lease));
}

/** As readText, but what is not UTF-8 is refused: it would be stored as something else than was sent. */
export async function readExactText(context: Context, bytesMax: number, lease: Lease): Promise<string> {
  const bytes = await readBytes(context, bytesMax, lease);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    throw new TesError("invalid", "Body is not valid UTF-8", { cause: error });
  }
}

/** So few characters cost little, whatever they are; what is too deep in them is refused as it is walked. */
const harmlessLength = 16 * 1024;

/** Text as JSON, if it costs no more than a task may. Throws TesError "invalid" with the parser's word on where it breaks. */
export function* parsingJson(text: string): Steps<unknown> {
  const fault = text.length <= harmlessLength ? undefined : yield* checkingJson(text, limits);
  if (fault !== undefined) throw new TesError("invalid", fault);
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new TesError(
      "invalid",
      `Body is not valid JSON: ${error instanceof Error ? error.message : error}`,
      {
        cause: error,
      },
    );
  }
}
