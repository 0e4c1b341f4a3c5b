// Fault proxy: stands before a real server and does to requests and answers what networks and busy servers do.
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** Where in a body something happens: after so many eighths of it. */
type Eighth = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8;

export type Fault =
  /** The connection ends there, by a reset or as if all were said. */
  | { kind: "cut"; at: Eighth; how: "reset" | "end" }
  /** Nothing comes any more, and nobody says so. */
  | { kind: "stall"; at: Eighth }
  | { kind: "flip"; at: Eighth }
  /** A kilobyte a second. */
  | { kind: "slow" }
  /** The answer says that it is longer than it is, or shorter. */
  | { kind: "length"; by: number }
  /** The server has another answer, of its own making. */
  | { kind: "status"; status: number; retryAfter?: string };

export interface FaultPlan {
  fault: Fault;
  /** Whose bytes suffer: those of requests or those of answers. */
  side: "request" | "answer";
  /** Of the exchanges that have a body on that side, how many pass before, and how many suffer. */
  skip: number;
  times: number;
  /** Whether the answers to HEAD pass, which of a download are only its preliminaries. */
  sparesLooks?: boolean;
}

export interface FaultProxy extends AsyncDisposable {
  port: number;
  /** How many exchanges have suffered. */
  hits(): number;
}

/** `due` is called for each exchange, and gives the fault to those whose turn it is. */
export function countFaults({ fault, skip, times }: Pick<FaultPlan, "fault" | "skip" | "times">): {
  due(): Fault | undefined;
  hits(): number;
} {
  let seen = 0;
  return {
    due() {
      seen += 1;
      return seen > skip && seen <= skip + times ? fault : undefined;
    },
    hits: () => Math.max(0, Math.min(seen - skip, times)),
  };
}

/** One exchange for each connection, so that it is known whose bytes pass. */
export async function startFaultProxy(target: number, plan: FaultPlan): Promise<FaultProxy> {
  const { due, hits } = countFaults(plan);
  const proxy = await listen((client, sockets) => {
    void exchange({ client, target, plan, due, sockets });
  });
  return { ...proxy, hits };
}

/** For TLS, of which nothing can be understood: the fault strikes after so many bytes on one side of each connection. */
export async function startRawFaultProxy(
  target: number,
  plan: FaultPlan & { bytes: number },
): Promise<FaultProxy> {
  const { due, hits } = countFaults(plan);
  const proxy = await listen((client, sockets) => {
    const server = connect(target, "127.0.0.1");
    join(client, server, sockets);
    const fault = due();
    const pass = (from: Socket, to: Socket, fault: Fault | undefined) =>
      from
        .on("data", flow(to, { bytes: plan.bytes, fault, end: () => to.end(), from }).push)
        .on("end", () => to.end());
    pass(client, server, plan.side === "request" ? fault : undefined);
    pass(server, client, plan.side === "answer" ? fault : undefined);
  });
  return { ...proxy, hits };
}

type Listening = { port: number } & AsyncDisposable;

export async function listen(serve: (client: Socket, sockets: Set<Socket>) => void): Promise<Listening> {
  const sockets = new Set<Socket>();
  const listener = createServer({ allowHalfOpen: true }, (client) => {
    track(client, sockets);
    serve(client, sockets);
  }).listen(0, "127.0.0.1");
  await once(listener, "listening");
  return {
    port: (listener.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      const closed = once(listener, "close");
      listener.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

export function track(socket: Socket, sockets: Set<Socket>): void {
  sockets.add(socket);
  // Resets are what this is about; the close that follows is what counts.
  socket.on("error", () => undefined).on("close", () => sockets.delete(socket));
}

/** Two ends of one way: when one is gone, so is the other. */
export function join(client: Socket, server: Socket, sockets: Set<Socket>): void {
  track(server, sockets);
  client.on("close", () => server.destroy());
  server.on("close", () => client.destroySoon());
}

interface Exchange {
  client: Socket;
  target: number;
  plan: FaultPlan;
  due(): Fault | undefined;
  sockets: Set<Socket>;
}

async function exchange({ client, target, plan, due, sockets }: Exchange): Promise<void> {
  const request = await readHead(client);
  if (!request) return;
  const bytes = lengthIn(request.head);
  const fault = plan.side === "request" && bytes > 0 ? due() : undefined;
  if (fault?.kind === "status") return answerWith(client, fault, request.head);
  const server = connect(target, "127.0.0.1");
  join(client, server, sockets);
  server.write(closing(request.head));
  const up = flow(server, { bytes, fault, end: () => client.destroy(), from: client });
  up.push(request.rest);
  client.on("data", up.push);
  const answer = await readHead(server);
  if (!answer) return;
  const hasBody = !request.head.startsWith("HEAD") && lengthIn(answer.head) > 0;
  const worse = suffers(plan, request.head) && (hasBody || plan.fault.kind !== "flip") ? due() : undefined;
  if (worse?.kind === "status") return answerWith(client, worse, request.head);
  client.write(closing(worse?.kind === "length" ? lengthened(answer.head, worse.by) : answer.head));
  const down = flow(client, {
    bytes: hasBody ? lengthIn(answer.head) : 0,
    fault: worse,
    end: () => client.end(),
    from: server,
  });
  down.push(answer.rest);
  server.on("data", down.push).on("end", down.finish);
}

const suffers = ({ side, sparesLooks }: FaultPlan, head: string): boolean =>
  side === "answer" && !(sparesLooks && head.startsWith("HEAD"));

/** Everything up to the empty line, and what came behind it. Undefined if the connection ends before. */
function readHead(socket: Socket): Promise<{ head: string; rest: Buffer } | undefined> {
  let bytes = Buffer.alloc(0);
  const { promise, resolve } = Promise.withResolvers<{ head: string; rest: Buffer } | undefined>();
  const take = (chunk: Buffer): void => {
    bytes = Buffer.concat([bytes, chunk]);
    const end = bytes.indexOf("\r\n\r\n");
    if (end < 0) return;
    socket.off("data", take).pause();
    resolve({ head: bytes.subarray(0, end + 4).toString("latin1"), rest: bytes.subarray(end + 4) });
    // Whoever awaits it listens by then.
    setImmediate(() => socket.resume());
  };
  socket.on("data", take).once("close", () => resolve(undefined));
  return promise;
}

const lengthIn = (head: string): number => Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0);
const lengthened = (head: string, by: number): string =>
  head.replace(/^(content-length: *)(\d+)/im, (_, name, value) => name + Math.max(0, Number(value) + by));
const closing = (head: string): string =>
  head.replace(/^connection:[^\r]*\r\n/gim, "").replace("\r\n", "\r\nConnection: close\r\n");

/** Takes the request's body, as a busy server would or would not, and answers. */
function answerWith(
  client: Socket,
  { status, retryAfter }: Fault & { kind: "status" },
  request: string,
): void {
  const page = `<html>the proxy's own page, of ${status}</html>`;
  const wait = retryAfter === undefined ? "" : `Retry-After: ${retryAfter}\r\n`;
  const head = `HTTP/1.1 ${status} Busy\r\nContent-Type: text/html\r\n${wait}Connection: close\r\n`;
  client.resume();
  client.end(`${head}Content-Length: ${page.length}\r\n\r\n${request.startsWith("HEAD") ? "" : page}`);
}

interface Flow {
  push(chunk: Buffer): void;
  /** The source has nothing more. */
  finish(): void;
}

const SLOW_BYTES = 102;

/** Passes a body on as far as the fault lets it. `end` is what a cut does that looks like an end. */
export function flow(
  to: Socket,
  { bytes, fault, end, from }: { bytes: number; fault: Fault | undefined; end(): void; from: Socket },
): Flow {
  const place = fault && "at" in fault ? Math.floor((bytes * fault.at) / 8) : Number.POSITIVE_INFINITY;
  let passed = 0;
  let over = false;
  const strike = (): void => {
    over = true;
    if (fault?.kind === "cut") fault.how === "reset" ? to.resetAndDestroy() : end();
  };
  const push = (chunk: Buffer): void => {
    if (over || to.destroyed) return;
    const rest = place - passed;
    passed += chunk.length;
    if (fault?.kind === "flip") to.write(flipped(chunk, rest));
    else if (chunk.length < rest) to.write(chunk);
    else {
      to.write(chunk.subarray(0, rest), strike);
      over = true;
    }
  };
  if (fault?.kind === "slow") return slowFlow(to, from);
  return {
    push,
    finish: () => {
      if (!over) to.end();
    },
  };
}

/** With the byte at that place changed, if it is one of these. */
function flipped(chunk: Buffer, place: number): Buffer {
  const byte = chunk[place];
  if (byte === undefined) return chunk;
  const copy = Buffer.from(chunk);
  copy[place] = byte ^ 1;
  return copy;
}

/** Takes no more than it passes on: a sender that was rid of everything would close, and so end the other side early. */
function slowFlow(to: Socket, from: Socket): Flow {
  let waiting = Buffer.alloc(0);
  let ended = false;
  const timer = setInterval(() => {
    to.write(waiting.subarray(0, SLOW_BYTES));
    waiting = waiting.subarray(SLOW_BYTES);
    if (waiting.length < SLOW_BYTES) from.resume();
    if (ended && waiting.length === 0) to.end();
  }, 100);
  to.on("close", () => clearInterval(timer));
  return {
    push: (chunk) => {
      waiting = Buffer.concat([waiting, chunk]);
      from.pause();
    },
    finish: () => {
      ended = true;
    },
  };
}
