// A client of one kept connection that costs little: the service under load shares its cores with whoever loads it.
import { once } from "node:events";
import { connect } from "node:net";

export interface HttpClient {
  /** Sends the bytes of one request and resolves with its answer. One at a time. */
  send(request: string): Promise<{ readonly status: number; readonly body: string }>;
  close(): void;
}

const headEnd = Buffer.from("\r\n\r\n");

export async function connectHttp(port: number): Promise<HttpClient> {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  await once(socket, "connect");
  let received: Buffer = Buffer.alloc(0);
  let waiting: PromiseWithResolvers<{ status: number; body: string }> | undefined;
  socket.on("data", (chunk: Buffer) => {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
    const end = received.indexOf(headEnd);
    if (end === -1) return;
    const head = received.toString("latin1", 0, end);
    const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? Number.NaN);
    const start = end + headEnd.length;
    if (received.length < start + length) return;
    const body = received.toString("utf8", start, start + length);
    received = received.subarray(start + length);
    waiting?.resolve({ status: Number(head.slice(9, 12)), body });
  });
  socket.on("error", (error) => waiting?.reject(error));
  socket.on("close", () => waiting?.reject(new Error("The service closed the connection")));
  return {
    send(request) {
      waiting = Promise.withResolvers();
      socket.write(request);
      return waiting.promise;
    },
    close: () => void socket.destroy(),
  };
}

const base = "/ga4gh/tes/v1";

export const get = (path: string): string => `GET ${base}${path} HTTP/1.1\r\nHost: bench\r\n\r\n`;
export const post = (path: string, body: string): string =>
  `POST ${base}${path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
