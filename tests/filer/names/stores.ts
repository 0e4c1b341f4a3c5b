// Stores: the kinds of storage that random names go to and come from, each with a way to look at it that the filer has no part in.
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { normalizePath } from "../../../sidecar/contract/path.ts";
import type { StorageSettings } from "../../../sidecar/filer/storage.ts";
import type { FtpServer } from "../ftp-server.ts";
import type { KeyServer } from "../key-server.ts";
import type { Minio } from "../minio.ts";
import { noS3 } from "../no-s3.ts";

export interface Store {
  readonly name: string;
  /** Of a hundred cases. */
  readonly weight: number;
  readonly settings: StorageSettings;
  /** "keys": names are text. "tree": several slashes are one. "files": no folders. */
  readonly shape: "keys" | "tree" | "files";
  readonly hasLineEnds: boolean;
  readonly hasBlankDots: boolean;
  /** Whether "d//x" can be there. */
  readonly hasEmptyNames: boolean;
  /** The URL of a plain path in the place of one case. */
  url(place: string, path: string): string;
  /** Puts files there, and empty folders, which end in a slash. */
  put(place: string, files: ReadonlyMap<string, string>): Promise<void> | void;
  /** All that is there, by plain paths, and removes it. */
  take(place: string): Promise<Map<string, string>> | Map<string, string>;
}

const encoded = (path: string): string => path.split("/").map(encodeURIComponent).join("/");

export function keyStore(server: KeyServer): Store {
  return {
    name: "keys",
    weight: 45,
    settings: { s3: server.settings },
    shape: "keys",
    hasLineEnds: true,
    hasBlankDots: true,
    hasEmptyNames: true,
    url: (place, path) => `s3://${place}${path}`,
    put(place, files) {
      for (const [path, text] of files) server.objects.set(`${place}/${path}`, Buffer.from(text));
    },
    take(place) {
      const found = new Map<string, string>();
      for (const [name, bytes] of server.objects) {
        if (name.startsWith(`${place}/`)) found.set(name.slice(place.length), bytes.toString());
      }
      for (const path of found.keys()) server.objects.delete(`${place}${path}`);
      return found;
    },
  };
}

export function minioStore(minio: Minio, bucket: string): Store {
  return {
    name: "minio",
    weight: 8,
    settings: { s3: minio.settings },
    shape: "keys",
    hasLineEnds: true,
    hasBlankDots: false,
    hasEmptyNames: false,
    url: (place, path) => `s3://${bucket}/${place}${path}`,
    async put(place, files) {
      for (const [path, text] of files) await minio.client.putObject(bucket, `${place}/${path}`, text);
    },
    async take(place) {
      const found = new Map<string, string>();
      const names: string[] = [];
      for await (const { name } of minio.client.listObjectsV2(bucket, `${place}/`, true)) names.push(name);
      for (const name of names) {
        const chunks = await Array.fromAsync(await minio.client.getObject(bucket, name));
        found.set(name.slice(place.length), Buffer.concat(chunks as Buffer[]).toString());
      }
      if (names.length > 0) await minio.client.removeObjects(bucket, names);
      return found;
    },
  };
}

export interface WebStore extends Disposable {
  readonly store: Store;
}

export function webStore(): WebStore {
  const files = new Map<string, string>();
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      const { pathname, search } = new URL(request.url);
      const path = decodeURIComponent(pathname);
      if (search !== "") return new Response("no query was meant", { status: 400 });
      if (request.method === "PUT") {
        files.set(path, await request.text());
        return new Response(null, { status: 201 });
      }
      const text = files.get(path);
      return text === undefined ? new Response(null, { status: 404 }) : new Response(text);
    },
  });
  const store: Store = {
    name: "http",
    weight: 15,
    settings: { s3: noS3 },
    shape: "files",
    hasLineEnds: true,
    hasBlankDots: true,
    hasEmptyNames: true,
    url: (place, path) => `http://127.0.0.1:${server.port}/${place}${encoded(path)}`,
    put(place, given) {
      for (const [path, text] of given) files.set(`/${place}/${path}`, text);
    },
    take(place) {
      const found = new Map<string, string>();
      for (const [path, text] of files) {
        if (!path.startsWith(`/${place}/`)) continue;
        found.set(path.slice(place.length + 1), text);
        files.delete(path);
      }
      return found;
    },
  };
  return { store, [Symbol.dispose]: () => void server.stop(true) };
}

/** A folder on this machine's disk, which a server or the filer itself has as a claim. */
const onDisk = (folder: string): Pick<Store, "put" | "take" | "shape" | "hasEmptyNames"> => ({
  shape: "tree",
  hasEmptyNames: false,
  put(place, files) {
    mkdirSync(join(folder, place), { recursive: true });
    // The server is another user.
    chmodSync(join(folder, place), 0o777);
    for (const [path, text] of files) {
      const local = `${folder}/${place}/${path}`;
      mkdirSync(local.slice(0, local.lastIndexOf("/")), { recursive: true });
      if (!path.endsWith("/")) writeFileSync(local, text);
    }
  },
  take(place) {
    const found = readTree(join(folder, place));
    rmSync(join(folder, place), { recursive: true, force: true });
    return new Map([...found].map(([path, text]) => [`/${path}`, text]));
  },
});

/** Files, and empty folders with a slash at their end. */
export function readTree(folder: string): Map<string, string> {
  const found = new Map<string, string>();
  const names = readdirSync(folder);
  if (names.length === 0) found.set("", "");
  for (const name of names) {
    const path = `${folder}/${name}`;
    if (!statSync(path).isDirectory()) found.set(name, readFileSync(path, "utf8"));
    else for (const [below, text] of readTree(path)) found.set(`${name}/${below}`, text);
  }
  return found;
}

export function fileStore(local: string): Store {
  const root = normalizePath("/share");
  return {
    name: "file",
    weight: 25,
    settings: { s3: noS3, files: { root, bases: [root], local } },
    ...onDisk(local),
    hasLineEnds: true,
    hasBlankDots: true,
    // Of two forms each is met with every path.
    url: (place, path) =>
      place.length % 2 === 0 ? `/share/${place}${path}` : `file:///share/${place}${encoded(path)}`,
  };
}

export const ftpStore = (server: FtpServer): Store => ({
  name: "ftp",
  weight: 7,
  settings: { s3: noS3 },
  ...onDisk(join(server.folder, "pub")),
  hasLineEnds: false,
  hasBlankDots: true,
  url: (place, path) => `ftp://127.0.0.1:${server.port}/pub/${place}${encoded(path)}`,
});
