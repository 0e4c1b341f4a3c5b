// FTP storage keeps the promises of Storage, on servers of two families, with and without TLS.
import { describe } from "bun:test";
import { randomBytes } from "node:crypto";
import { chownSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { openDrivers } from "../../sidecar/filer/drivers.ts";
import { loginFor, parseNetrc } from "../../sidecar/filer/netrc.ts";
import { atEnd } from "../support/cleanups.ts";
import { makeCertificates } from "./certificates.ts";
import {
  type FtpServer,
  findFtpServers,
  ftpUser,
  startPureFtpd,
  startVsftpd,
  userIds,
} from "./ftp-server.ts";
import { testStorage } from "./storage-suite.ts";

const found = await findFtpServers();
if ("missing" in found) console.log(`FTP is not tested: ${found.missing}`);
const root = "root" in found ? found.root : "";

const NETRC = `machine 127.0.0.1 login ${ftpUser.login} password "${ftpUser.password}"`;
const known = (host: string) => loginFor(parseNetrc(NETRC), host);
const s3 = {
  endpoint: undefined,
  region: undefined,
  accessKeyId: undefined,
  secretAccessKey: undefined,
  sessionToken: undefined,
};

const certificates = makeCertificates();

const refused = {
  "  spaces at both ends  ": "pure-ftpd drops those at the end of a command",
  "back\\slash": "pure-ftpd prohibits it",
};

const kinds: {
  title: string;
  start(): Promise<FtpServer>;
  loginOn?: typeof known;
  refused?: Readonly<Record<string, string>>;
}[] = [
  { title: "vsftpd in the clear", start: () => startVsftpd(root) },
  { title: "vsftpd with TLS", start: () => startVsftpd(root, { certificates, requireTls: true }) },
  { title: "pure-ftpd in the clear", start: () => startPureFtpd(root), loginOn: known, refused },
];

describe.skipIf(root === "")("ftp", () => {
  for (const { title, start, loginOn, refused: names } of kinds) {
    let server: Promise<FtpServer> | undefined;
    const started = () => {
      server ??= start().then((running) => {
        atEnd(async () => running[Symbol.asyncDispose]());
        return running;
      });
      return server;
    };
    const pathOf = (base: string) => base.replace(/^ftps?:\/\/[^/]*/, "");
    testStorage(title, {
      makeBase: async () => `ftp://127.0.0.1:${(await started()).port}/pub/${randomBytes(4).toString("hex")}`,
      open: (signal = new AbortController().signal) =>
        openDrivers({ s3, ...(loginOn ? { loginOn } : {}) }, signal),
      look: async (base) => (await started()).look(pathOf(base)),
      makeFolder: async (base, name) => {
        const { folder } = await started();
        const [uid, gid] = userIds();
        for (let path = pathOf(base); ; path = `${path}/${name}`) {
          const local = join(folder, path);
          mkdirSync(local, { recursive: true });
          chownSync(local, uid, gid);
          if (path.endsWith(name)) break;
        }
      },
      lists: true,
      ...(names ? { refused: names } : {}),
    });
  }
});
