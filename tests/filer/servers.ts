// Servers: what most tests of the filer want, for as long as the tests of a file run.
import { afterAll, beforeAll } from "bun:test";
import { type FileServer, startFileServer } from "./file-server.ts";
import { type Minio, startMinio } from "./minio.ts";

export interface Servers {
  readonly minio: Minio;
  readonly http: FileServer;
}

/** S3 and the web, there by the time the first test of the file runs. MinIO may have to be built, which takes minutes. */
export function useServers(): Servers {
  let servers: Servers | undefined;
  beforeAll(async () => {
    servers = { minio: await startMinio(), http: startFileServer() };
  }, 900_000);
  afterAll(async () => {
    servers?.http.stop();
    await servers?.minio[Symbol.asyncDispose]();
  });
  const get = (): Servers => {
    if (!servers) throw new Error("The servers run in tests only");
    return servers;
  };
  return {
    get minio() {
      return get().minio;
    },
    get http() {
      return get().http;
    },
  };
}
