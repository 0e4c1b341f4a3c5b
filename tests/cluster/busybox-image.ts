/** The small image for tests that only need a shell and the usual commands. */
import { join } from "node:path";
import type { ContextFile } from "./engine.ts";

/** `localhost/busybox:1`: Debian's static busybox and nothing else; `tools` is a folder that has it. */
export function busyboxImage(tools: string) {
  const context: Record<string, ContextFile> = { busybox: { from: join(tools, "busybox"), mode: 0o755 } };
  return {
    name: "localhost/busybox:1",
    containerfile: `FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "mkdir", "-p", "-m", "1777", "/tmp"]
RUN ["/bin/busybox", "--install", "-s", "/bin"]
CMD ["sh"]
`,
    context,
  };
}
