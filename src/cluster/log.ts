// readLogTail: the end of a container's log, through the API server.
import { StatusError } from "./status-error.ts";
import type { Transport } from "./transport.ts";

export interface ContainerRef {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
}

/**
 * The last `bytesMax` bytes of the log, begun at a whole character; empty if the kubelet says that the container has not started
 * yet; undefined if there is no such pod, container or log.
 * Throws StatusError, the signal's reason, or what the network threw.
 *
 * `limitBytes` of the API is of no use here: it keeps the first bytes, not the last. Every line has one byte at least, so
 * `tailLines` of as many lines as bytes is enough and spares the kubelet the rest.
 */
export async function readLogTail(
  transport: Transport,
  ref: ContainerRef,
  bytesMax: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  const path = `/api/v1/namespaces/${encodeURIComponent(ref.namespace)}/pods/${encodeURIComponent(ref.pod)}/log`;
  const query = new URLSearchParams({ container: ref.container, tailLines: String(bytesMax) });
  const url = `${transport.server}${path}?${query}`;
  let response: Response;
  try {
    response = await transport.send(url, { signal });
  } catch (error) {
    if (isWaiting(error)) return "";
    if (isNoLog(error)) return undefined;
    throw error;
  }
  const text = await tailOf(response, bytesMax);
  return isKubeletExcuse(text) ? undefined : text;
}

/** The kubelet's word, not the API server's: it knows the container, and has not started it. */
function isWaiting(error: unknown): boolean {
  return (
    error instanceof StatusError &&
    error.status.code === 400 &&
    /^container "[^"]+" in pod "[^"]+" is waiting to start: /.test(error.status.message)
  );
}

/** 404: no pod. 400: the container has not started, or the pod has no such container. */
function isNoLog(error: unknown): boolean {
  return (
    error instanceof StatusError &&
    error.status.reason !== undefined &&
    (error.status.code === 404 || error.status.code === 400)
  );
}

/** When the container is gone already, the kubelet says so with a 200, in the place of the log. */
function isKubeletExcuse(text: string): boolean {
  return /^unable to retrieve container logs for \w+:\/\/[0-9a-f]+\s*$/.test(text);
}

async function tailOf(response: Response, bytesMax: number): Promise<string> {
  let kept: Uint8Array[] = [];
  let bytes = 0;
  let total = 0;
  for await (const chunk of response.body ?? []) {
    kept.push(chunk);
    bytes += chunk.length;
    total += chunk.length;
    // Cut seldom, so that many small pieces do not cost a copy each.
    if (bytes > 2 * bytesMax + 65_536) {
      kept = [Buffer.concat(kept).subarray(-bytesMax)];
      bytes = bytesMax;
    }
  }
  const all = Buffer.concat(kept);
  if (total <= bytesMax) return all.toString();
  const tail = all.subarray(all.length - bytesMax);
  const start = tail.findIndex((byte) => (byte & 0xc0) !== 0x80);
  return tail.subarray(Math.max(start, 0)).toString();
}
