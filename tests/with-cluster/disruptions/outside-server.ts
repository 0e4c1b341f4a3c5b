// The server outside of the cluster: outside-server.ts FILE URL. At /late it leads to URL as soon as FILE is there.
import { existsSync } from "node:fs";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";

const [, , file = "", url = ""] = process.argv;

Bun.serve({
  port: 80,
  idleTimeout: 120,
  async fetch(request) {
    if (new URL(request.url).pathname !== "/late") return new Response("outside");
    for (const deadline = Date.now() + 100_000; !existsSync(file) && Date.now() < deadline; )
      await sleep(100);
    return Response.redirect(url, 302);
  },
});
process.stdout.write("serving\n");
