// nginx: Debian's web server for tests, with WebDAV's PUT, on free ports of 127.0.0.1.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findDebianPackages } from "../support/debian.ts";
import { freePort } from "../support/free-port.ts";

export interface Nginx extends AsyncDisposable {
  port: number;
  tlsPort: number;
  /** The local folder that is its root. */
  folder: string;
}

/** The folder of its program, or why there is none. */
export const findNginx = () =>
  findDebianPackages({ unpack: ["nginx"], libraries: ["libcrypt1", "libpcre2-8-0", "libssl3", "zlib1g"] });

/**
 * Everybody may GET and PUT. Below /digest/, an answer has the Repr-Digest that the query names; below /private/, it takes
 * me:secret to get in. `certificates` is a folder with key.pem and cert.pem.
 */
export async function startNginx(root: string, certificates: string): Promise<Nginx> {
  const scratch = mkdtempSync(join(tmpdir(), "tespod-nginx-"));
  const folder = join(scratch, "root");
  mkdirSync(folder);
  writeFileSync(join(scratch, "users"), "me:{PLAIN}secret\n");
  const [port, tlsPort] = [await freePort(), await freePort()];
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
  const settings = [
    // One process, which stays the user that started it.
    "daemon off; master_process off;",
    `pid ${scratch}/pid; error_log stderr alert;`,
    "events { worker_connections 1024; }",
    "http {",
    ...temporary.map((name) => `${name}_temp_path ${scratch}/${name};`),
    "access_log off; default_type application/octet-stream; client_max_body_size 0;",
    `server { listen 127.0.0.1:${port}; listen 127.0.0.1:${tlsPort} ssl;`,
    `ssl_certificate ${certificates}/cert.pem; ssl_certificate_key ${certificates}/key.pem;`,
    `root ${folder}; dav_methods PUT DELETE; create_full_put_path on;`,
    "location /digest/ { add_header Repr-Digest $arg_digest; }",
    `location /private/ { auth_basic tests; auth_basic_user_file ${scratch}/users; }`,
    "} }",
  ];
  const file = join(scratch, "nginx.conf");
  writeFileSync(file, settings.join("\n"));
  const server = spawn(join(root, "usr/sbin/nginx"), ["-c", file, "-p", scratch, "-e", "stderr"], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  const ended = once(server, "exit");
  await ready(`http://127.0.0.1:${port}/`);
  return {
    port,
    tlsPort,
    folder,
    [Symbol.asyncDispose]: async () => {
      server.kill("SIGKILL");
      await ended;
      await rm(scratch, { recursive: true, force: true });
    },
  };
}

async function ready(url: string): Promise<void> {
  for (let attempt = 0; attempt < 400; attempt += 1) {
    if (await fetch(url).catch(() => undefined)) return;
    await Bun.sleep(25);
  }
  throw new Error("Cannot start nginx: it does not get ready");
}
