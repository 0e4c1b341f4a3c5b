// Request bodies: bounded, and JSON whatever the content type says.
import type { Context } from "hono";
import { TesError } from "../tes/errors.ts";
import { inTurns } from "../tes/in-turns.ts";
import { checkingJson } from "../tes/json-bounds.ts";
import { limits } from "../tes/limits.ts";

/** The body's bytes. Throws TesError "too-large" as soon as more than `bytesMax` are known to come. */
async function readBytes({ req }: Context, bytesMax: number): Promise<Uint8Array> {
  const tooLarge = () => new TesError("too-large", `Body is larger than ${bytesMax} bytes`);
  const length = req.header("content-length");
  if (Number(length ?? 0) > bytesMax) throw tooLarge();
  if (length !== undefined && req.header("transfer-encoding") === undefined) {
    // No more can come than was told, and as one piece it costs a tenth of the stream.
    const whole = new Uint8Array(await req.raw.arrayBuffer());
    if (whole.byteLength > bytesMax) throw tooLarge();
    return whole;
  }
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of req.raw.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > bytesMax) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** The body as text, in which what is not UTF-8 is U+FFFD. Throws as soon as more than `bytesMax` are known to come. */
export async function readText(context: Context, bytesMax: number): Promise<string> {
  return new TextDecoder().decode(await readBytes(context, bytesMax));
}

/** As readText, but what is not UTF-8 is refused: it would be stored as something else than was sent. */
export async function readExactText(context: Context, bytesMax: number): Promise<string> {
  const bytes = await readBytes(context, bytesMax);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    throw new TesError("invalid", "Body is not valid UTF-8", { cause: error });
  }
}

/** Text as JSON, if it costs no more than a task may. Throws TesError "invalid" with the parser's word on where it breaks. */
export async function parseJson(text: string): Promise<unknown> {
  const fault = await inTurns(checkingJson(text, limits));
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
