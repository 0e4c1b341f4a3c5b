// Executor images with as little in them as tools get by with, and some traps.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Cluster } from "../../cluster/cluster.ts";
import { ensureImage } from "../../cluster/image.ts";
import { ensureRootfs } from "../../cluster/rootfs.ts";
import { readSettings } from "../../cluster/settings.ts";

const tools = join(await ensureRootfs(readSettings().cacheFolder), "tools");
const busybox = { from: join(tools, "busybox"), mode: 0o755 };

/** One static program on scratch, named after the one applet that it then is: there is no shell to be found in it. */
export async function staticImage(cluster: Cluster, name: string, lines = ""): Promise<string> {
  const image = `localhost/tespod-test-${name}:1`;
  const containerfile = `FROM scratch\nCOPY busybox /bin/tee\n${lines}`;
  await ensureImage(cluster, { name: image, containerfile, context: { busybox } });
  return image;
}

/** The name of another machine, in an ELF header: arm64 on amd64, amd64 on arm64. */
const otherMachine = process.arch === "arm64" ? 62 : 183;

function writeForeignProgram(path: string): void {
  const header = readFileSync(join(tools, "sh")).subarray(0, 64);
  header.writeUInt16LE(otherMachine, 18);
  writeFileSync(path, header);
}

/**
 * busybox with its applets and no more: no /tmp, no library. In /app are `hello`, a script without `#!`, and `foreign`, a program
 * for another architecture. With a user of a name there is an /etc/passwd, else none.
 */
export async function shellImage(cluster: Cluster, user: "root" | "1234:5678" | "tool"): Promise<string> {
  const name = `localhost/tespod-test-user-${user.replace(":", "-")}:1`;
  const containerfile = `FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
COPY hello foreign /app/
${user === "tool" ? "COPY passwd group /etc/\n" : ""}${user === "root" ? "" : `USER ${user}\n`}ENV OF_IMAGE=kept
`;
  using folder = scratchFolder();
  const foreign = join(folder.path, "foreign");
  writeForeignProgram(foreign);
  const context = {
    busybox,
    hello: { text: 'echo hello "$@"\n', mode: 0o755 },
    foreign: { from: foreign, mode: 0o755 },
    passwd: { text: "root:x:0:0::/:/bin/sh\ntool:x:2345:6789::/home/tool:/bin/sh\n", mode: 0o644 },
    group: { text: "root:x:0:\ntools:x:6789:\n", mode: 0o644 },
  };
  await ensureImage(cluster, { name, containerfile, context });
  return name;
}

function scratchFolder(): Disposable & { path: string } {
  const path = mkdtempSync(join(tmpdir(), "tespod-test-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}
