// File server: a plain HTTP server that takes and gives files, with ranges, and misbehaves where asked to.
import { createHash } from "node:crypto";
import { type AddressInfo, createServer, type Socket } from "node:net";

export interface FileServer {
  url: string;
  stop(): void;
}

export function startFileServer(): FileServer {
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    maxRequestBodySize: 1024 * 1024 * 1024,
    async fetch(request) {
      const { pathname, search } = new URL(request.url);
      const name = decodeURIComponent(pathname) + search;
      if (request.method === "PUT") {
        files.set(name, new Uint8Array(await request.arrayBuffer()));
        return new Response("stored", { status: 201 });
      }
      const status = /^\/status\/(\d+)$/.exec(pathname)?.[1];
      if (status !== undefined) return new Response("<html>an error page</html>", { status: Number(status) });
      const target = /^\/redirect(\/.*)$/.exec(name)?.[1];
      if (target !== undefined) return Response.redirect(target, 302);
      if (name === "/authorization") return new Response(request.headers.get("authorization"));
      if (name === "/cut") return cutAnswer(request, cut.port);
      const bytes = files.get(name);
      return bytes ? fileAnswer(request, bytes) : new Response("<html>no such file</html>", { status: 404 });
    },
  });
  const cut = startCuttingServer();
  return {
    url: `http://127.0.0.1:${server.port}`,
    stop: () => {
      cut.stop();
      server.stop(true);
    },
  };
}

/** RFC 9110, 14.2 and 13.1.5: one range, if the file is still the one that the client has begun. */
function fileAnswer(request: Request, bytes: Uint8Array<ArrayBuffer>): Response {
  const etag = `"${createHash("sha256").update(bytes).digest("hex")}"`;
  const start = /^bytes=(\d+)-$/.exec(request.headers.get("range") ?? "")?.[1];
  if (start === undefined || request.headers.get("if-range") !== etag)
    return new Response(bytes, { headers: { etag } });
  const range = `bytes ${start}-${bytes.length - 1}/${bytes.length}`;
  return new Response(bytes.subarray(Number(start)), {
    status: 206,
    headers: { etag, "content-range": range },
  });
}

const cutAnswer = (_: Request, port: number): Response => Response.redirect(`http://127.0.0.1:${port}/`, 307);

/** What `/cut` gives: the first half, and what is missing to whom asks for it. */
export const cutHalves = ["first ".repeat(50_000), "second ".repeat(50_000)] as const;

/** Ends the connection in the middle of the body, unless it is asked for the rest. */
function startCuttingServer(): RawServer {
  const whole = cutHalves.join("");
  return startRawServer((request) => {
    const start = Number(/range: bytes=(\d+)-/i.exec(request)?.[1] ?? 0);
    if (start === 0) return `HTTP/1.1 200 OK\r\n${rawBody("one", whole.length, cutHalves[0])}`;
    const range = `content-range: bytes ${start}-${whole.length - 1}/${whole.length}`;
    return `HTTP/1.1 206 Partial Content\r\n${range}\r\n${rawBody("one", whole.length - start, whole.slice(start))}`;
  });
}

/** Headers and body of an answer that says it has `length` bytes, whatever it has. */
export const rawBody = (etag: string, length: number, body: string): string =>
  `etag: "${etag}"\r\ncontent-length: ${length}\r\nconnection: close\r\n\r\n${body}`;

export interface RawServer {
  port: number;
  stop(): void;
}

/** Answers each connection's request with these very bytes, and closes it. */
export function startRawServer(answer: (request: string) => string): RawServer {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined).once("data", (request) => socket.end(answer(request.toString())));
  }).listen(0, "127.0.0.1");
  return {
    port: (server.address() as AddressInfo).port,
    stop: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
