// freePort: a port of this host's loopback for a server that cannot choose one by itself.
import { once } from "node:events";
import { createServer } from "node:net";

/** It was free a moment ago. Rejects if there is none. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("There is no free port");
  return address.port;
}
