// Real FTP servers for tests: vsftpd, which lists by LIST, and pure-ftpd, which lists by MLSD.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findDebianPackages } from "../support/debian.ts";
import { freePort } from "../support/free-port.ts";

export interface FtpServer extends AsyncDisposable {
  port: number;
  /** The local folder that clients see as "/"; "/pub" in it is theirs. */
  folder: string;
  /** The names of all files and empty folders below a folder that clients see. */
  look(path: string): Promise<string[]>;
}

export interface FtpOptions {
  /** A folder with key.pem, cert.pem and both.pem: the server then has TLS. */
  certificates?: string;
  /** Refuses logins and data in the clear. */
  requireTls?: boolean;
  /** 127.0.0.1 by default; may be ::1. */
  address?: string;
  /** A free one by default. */
  port?: number;
  /** TLS from the first byte. */
  implicitTls?: boolean;
}

/** The folder of both servers' programs, or why there is none. */
export const findFtpServers = () =>
  findDebianPackages({
    unpack: ["vsftpd", "pure-ftpd"],
    libraries: ["libwrap0", "libsodium23", "libpam0g", "libcap2"],
  });

/** A user that every Debian has, whose home is there. */
const USER = "daemon";

export const userIds = (): [uid: number, gid: number] => [
  Number(execFileSync("id", ["-u", USER])),
  Number(execFileSync("id", ["-g", USER])),
];

/** Everybody may do everything. With TLS, data connections must go on with the session of the control connection. */
export async function startVsftpd(root: string, options: FtpOptions = {}): Promise<FtpServer> {
  return await start(options, ({ folder, scratch, address, port, tls }) => {
    const empty = join(scratch, "empty");
    mkdirSync(empty);
    const yes = [
      address.includes(":") ? "listen_ipv6" : "listen",
      "anonymous_enable no_anon_password write_enable anon_upload_enable anon_mkdir_write_enable",
      "anon_other_write_enable utf8_filesystem hide_ids",
    ];
    const no = ["background local_enable anon_world_readable_only seccomp_sandbox isolate isolate_network"];
    const secure = [
      "ssl_enable allow_anon_ssl require_ssl_reuse ssl_tlsv1",
      options.implicitTls ? "implicit_ssl" : "",
      options.requireTls ? "force_anon_data_ssl force_anon_logins_ssl" : "",
    ];
    const words = (lines: string[], value: string): string[] =>
      lines.flatMap((line) => line.split(" ").filter(Boolean)).map((name) => `${name}=${value}`);
    const settings = [
      ...words(yes, "YES"),
      ...words(no, "NO"),
      address.includes(":") ? "listen=NO" : "",
      `${address.includes(":") ? "listen_address6" : "listen_address"}=${address}`,
      `listen_port=${port}`,
      "anon_umask=022",
      `ftp_username=${USER}`,
      `anon_root=${folder}`,
      `secure_chroot_dir=${empty}`,
      ...(tls
        ? [
            ...words(secure, "YES"),
            "ssl_ciphers=HIGH",
            `rsa_cert_file=${join(tls, "cert.pem")}`,
            `rsa_private_key_file=${join(tls, "key.pem")}`,
          ]
        : []),
    ];
    const file = join(scratch, "vsftpd.conf");
    writeFileSync(file, `${settings.join("\n")}\n`);
    return [join(root, "usr/sbin/vsftpd"), file];
  });
}

export const ftpUser = { login: "me", password: "pass word#1" };

/** Only `ftpUser` may come in, and finds its files in the folder. */
export async function startPureFtpd(root: string, options: FtpOptions = {}): Promise<FtpServer> {
  return await start(options, ({ folder, scratch, address, port, tls }) => {
    const [passwords, database] = [join(scratch, "passwd"), join(scratch, "users.pdb")];
    // pure-pw's own hash would take seconds for each login.
    const hash = execFileSync("openssl", ["passwd", "-6", "-stdin"], {
      input: ftpUser.password,
      encoding: "utf8",
    });
    const [uid, gid] = userIds();
    writeFileSync(passwords, `${ftpUser.login}:${hash.trim()}:${uid}:${gid}::${folder}/./::::::::::::\n`);
    execFileSync(join(root, "usr/bin/pure-pw"), ["mkdb", database, "-f", passwords]);
    return [
      join(root, "usr/sbin/pure-ftpd"),
      ...["--bind", `${address},${port}`, "--login", `puredb:${database}`, "--minuid", "1"],
      ...["--noanonymous", "--chrooteveryone", "--pidfile", join(scratch, "pid"), "--dontresolve"],
      ...["--maxclientsnumber", "50", "--limitrecursion", "1000000:100"],
      ...(tls
        ? ["--certfile", join(tls, "both.pem"), "--tls", options.requireTls ? "3" : "1"]
        : ["--tls", "0"]),
    ];
  });
}

interface Setting {
  folder: string;
  scratch: string;
  address: string;
  port: number;
  tls: string | undefined;
}

async function start(
  { certificates, implicitTls = false, address = "127.0.0.1", port: wantedPort }: FtpOptions,
  commandOf: (setting: Setting) => string[],
): Promise<FtpServer> {
  const scratch = mkdtempSync(join(tmpdir(), "tespod-ftp-"));
  chmodSync(scratch, 0o755);
  const folder = join(scratch, "files");
  const pub = join(folder, "pub");
  mkdirSync(pub, { recursive: true, mode: 0o755 });
  chownSync(pub, ...userIds());
  const port = wantedPort ?? (await freePort());
  const [program = "", ...args] = commandOf({ folder, scratch, address, port, tls: certificates });
  const server = spawn(program, args, { stdio: ["ignore", "ignore", "inherit"], cwd: "/" });
  await untilItAnswers({ port, host: address, implicitTls }, server);
  return {
    port,
    folder,
    look: async (path) => {
      const below = join(folder, path);
      if (!existsSync(below)) return [];
      const entries = await readdir(below, { recursive: true, withFileTypes: true });
      return entries
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name).slice(below.replace(/\/$/, "").length + 1))
        .sort();
    },
    [Symbol.asyncDispose]: async () => {
      const ended = once(server, "exit");
      killWithSessions(server.pid ?? 0);
      await ended;
      await rm(scratch, { recursive: true, force: true });
    },
  };
}

/** Each session is a process of its own, which would outlive the server. */
function killWithSessions(pid: number): void {
  let children: string[] = [];
  try {
    children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean);
    process.kill(pid, "SIGKILL");
  } catch {
    // it has ended by itself
  }
  for (const child of children) killWithSessions(Number(child));
}

async function untilItAnswers(
  { port, host, implicitTls }: { port: number; host: string; implicitTls: boolean },
  server: ChildProcess,
): Promise<void> {
  for (let attempt = 0; attempt < 1000; attempt += 1) {
    if (server.exitCode !== null) break;
    const socket = connect(port, host);
    const greeted = await Promise.race([
      // A server that waits for TLS says nothing before.
      once(socket, implicitTls ? "connect" : "data").then(() => true),
      once(socket, "close").then(() => false),
    ]).catch(() => false);
    socket.destroy();
    if (greeted) return;
    await Bun.sleep(20);
  }
  throw new Error(`The FTP server on port ${port} does not start`);
}
