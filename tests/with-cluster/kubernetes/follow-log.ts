// followLog: a container's log as it is written, for tests and measurements. The service itself never follows a log.
import { createDeadline } from "../../../src/cluster/deadline.ts";
import { readChunks } from "../../../src/cluster/stream.ts";
import type { Transport } from "../../../src/cluster/transport.ts";

/** Where the log is. */
export interface ContainerRef {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
}

const SILENCE_MS = 2 ** 31 - 1;

/** The log's bytes as they come, until the container ends or `signal` ends it by throwing its reason. */
export async function* followLog(
  transport: Transport,
  { namespace, pod, container }: ContainerRef,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  using patience = createDeadline(signal);
  const url = `${transport.server}/api/v1/namespaces/${namespace}/pods/${pod}/log?follow=true&container=${container}`;
  const response = await transport.send(url, { signal: patience.signal });
  if (response.body !== null) yield* readChunks(response.body, patience, SILENCE_MS);
  signal.throwIfAborted();
}
