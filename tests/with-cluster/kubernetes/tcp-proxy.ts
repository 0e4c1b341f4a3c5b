// startTcpProxy: a loopback proxy before a real server, that counts connections and bytes, and that can cut or freeze them.
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

export interface TcpProxy extends AsyncDisposable {
  readonly port: number;
  /** Connections opened by clients so far. */
  readonly opened: number;
  /** Connections that are open now. */
  readonly open: number;
  /** Bytes that came from the server so far. */
  readonly bytesDown: number;
  /** Resets all open connections. New ones are taken. */
  cut(): void;
  /** Passes nothing on any more on the connections open now, without closing them: what a lost route looks like. */
  freeze(): void;
  /** Refuses connections from now on, and cuts the open ones, until `listen` is called. */
  refuse(): Promise<void>;
  listen(): Promise<void>;
}

export async function startTcpProxy(target: { host: string; port: number }): Promise<TcpProxy> {
  const pairs = new Set<{ client: Socket; server: Socket }>();
  const counts = { opened: 0, bytesDown: 0 };
  let refusing = false;
  const listener = createServer((client) => {
    if (refusing) {
      // It was in the queue when the door was shut.
      client.resetAndDestroy();
      return;
    }
    counts.opened += 1;
    const pair = { client, server: connect(target) };
    pairs.add(pair);
    client.pipe(pair.server);
    pair.server.pipe(client);
    pair.server.on("data", (chunk: Buffer) => {
      counts.bytesDown += chunk.length;
    });
    for (const socket of [pair.client, pair.server]) {
      // The other end's reset is what these tests are about; the close that follows is what counts.
      socket.on("error", () => undefined);
      socket.on("close", () => {
        pairs.delete(pair);
        pair.client.destroy();
        pair.server.destroy();
      });
    }
  });
  const listen = async (port: number) => {
    refusing = false;
    listener.listen(port, "127.0.0.1");
    await once(listener, "listening");
  };
  await listen(0);
  const { port } = listener.address() as { port: number };
  const cut = () => {
    for (const { client, server } of pairs) {
      client.resetAndDestroy();
      server.destroy();
    }
  };
  const refuse = async () => {
    if (!listener.listening) return;
    refusing = true;
    const closed = once(listener, "close");
    listener.close();
    cut();
    await closed;
  };
  return {
    port,
    get opened() {
      return counts.opened;
    },
    get open() {
      return pairs.size;
    },
    get bytesDown() {
      return counts.bytesDown;
    },
    cut,
    freeze: () => {
      for (const { client, server } of pairs) {
        client.unpipe(server);
        server.unpipe(client);
      }
    },
    refuse,
    listen: () => listen(port),
    [Symbol.asyncDispose]: refuse,
  };
}
