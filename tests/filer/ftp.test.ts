// FTP storage keeps the promises of Storage, on servers of two families, with and without TLS.
import { describe } from "bun:test";
import { randomBytes } from "node:crypto";
import { chownSync, mkdirSync, readFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
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
import { noS3 } from "./no-s3.ts";
import { testStorage } from "./storage-suite.ts";

const found = await findFtpServers();
if ("missing" in found) console.log(`FTP is not tested: ${found.missing}`);
const root = "root" in found ? found.root : "";

const NETRC = `machine 127.0.0.1 login ${ftpUser.login} password "${ftpUser.password}"`;
const known = (host: string) => loginFor(parseNetrc(NETRC), host);

const certificates = makeCertificates();
// Implicit TLS is never taken without a trusted certificate. This one nobody else has, so nobody else is told to trust more.
setDefaultCACertificates([
  ...getCACertificates("default"),
  readFileSync(join(certificates, "cert.pem"), "utf8"),
]);

const hasIpv6 = Object.values(networkInterfaces()).some((all) =>
  all?.some(({ address }) => address === "::1"),
);
if (!hasIpv6) console.log("FTP over IPv6 is not tested: there is no ::1");

const refused = {
  "  spaces at both ends  ": "pure-ftpd drops those at the end of a command",
  "back\\slash": "pure-ftpd prohibits it",
};

const kinds: {
  title: string;
  start(): Promise<FtpServer>;
  loginOn?: typeof known;
  refused?: Readonly<Record<string, string>>;
  /** Where it is, but for the port. */
  origin?: string;
}[] = [
  { title: "vsftpd in the clear", start: () => startVsftpd(root) },
  { title: "vsftpd with TLS", start: () => startVsftpd(root, { certificates, requireTls: true }) },
  {
    title: "vsftpd with implicit TLS",
    start: () => startVsftpd(root, { certificates, requireTls: true, implicitTls: true }),
    origin: "ftps://127.0.0.1",
  },
  ...(hasIpv6
    ? [
        {
          title: "vsftpd over IPv6",
          start: () => startVsftpd(root, { address: "::1" }),
          origin: "ftp://[::1]",
        },
      ]
    : []),
  { title: "pure-ftpd in the clear", start: () => startPureFtpd(root), loginOn: known, refused },
];

describe.skipIf(root === "")("ftp", () => {
  for (const { title, start, loginOn, refused: names, origin = "ftp://127.0.0.1" } of kinds) {
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
      makeBase: async () => `${origin}:${(await started()).port}/pub/${randomBytes(4).toString("hex")}`,
      open: (signal = new AbortController().signal) =>
        openDrivers({ s3: noS3, ...(loginOn ? { loginOn, ftp: { tls: "prefer" } } : {}) }, signal),
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
