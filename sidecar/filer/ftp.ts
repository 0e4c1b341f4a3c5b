// FTP storage: files and folders of an FTP server, over passive connections.
import { randomUUID } from "node:crypto";
import { listFtp } from "./ftp-list.ts";
import { ftpPool } from "./ftp-pool.ts";
import { receiveFtp } from "./ftp-receive.ts";
import { GRACE_MILLISECONDS, makeFolders, sendFtp } from "./ftp-send.ts";
import { parseFtpUrl, pathOn } from "./ftp-url.ts";
import { versionOf } from "./ftp-version.ts";
import { mustBeKnown } from "./host.ts";
import type { Storage, StorageSettings } from "./storage.ts";

/** Some servers refuse one login too many with the code of a wrong password. */
function unlessCrowded(error: unknown): void {
  if (!(error instanceof Error) || !/too many|maximum|limit|later/i.test(error.message)) throw error;
}

export function ftpStorage(settings: StorageSettings, signal: AbortSignal): Storage {
  const pool = ftpPool(settings, signal);
  const uploads = { pool, signal, own: randomUUID() };
  return {
    async *list(url) {
      const target = parseFtpUrl(url);
      yield* listFtp((work) =>
        pool.use({ target, onMissing: "not-found" }, (connection) =>
          work(connection, pathOn(connection, target)),
        ),
      );
    },
    async download(url, receiver) {
      const target = parseFtpUrl(url);
      return await pool.use({ target, onMissing: "not-found" }, (connection) =>
        receiveFtp(connection.client, pathOn(connection, target), receiver),
      );
    },
    async sizeOf(url) {
      const target = parseFtpUrl(url);
      return await pool.use({ target, onMissing: "not-found" }, async (connection) => {
        return (await versionOf(connection.client, pathOn(connection, target))).sizeBytes;
      });
    },
    async upload(file, sizeBytes, url) {
      const target = parseFtpUrl(url);
      const use = { target, onMissing: "permanent", graceMilliseconds: GRACE_MILLISECONDS } as const;
      await pool.use(use, (connection) => sendFtp({ file, sizeBytes, target }, connection, uploads));
      return undefined;
    },
    target(url) {
      const target = parseFtpUrl(url);
      const { host, port, user = "" } = target;
      const check = async (): Promise<void> => {
        await mustBeKnown(host);
        await pool.use({ target, onMissing: "permanent" }, () => Promise.resolve());
      };
      return { name: `${host}:${port} ${user}`, check: () => check().catch(unlessCrowded) };
    },
    async makeFolder(url) {
      const target = parseFtpUrl(url);
      await pool.use({ target, onMissing: "permanent" }, (connection) =>
        makeFolders(connection, pathOn(connection, target)),
      );
    },
  };
}
