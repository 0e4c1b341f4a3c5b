// Executor images that have as little as possible: no shell, no C library, no root.
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { ensureImage } from "../../cluster/image.ts";
import { ensureRootfs } from "../../cluster/rootfs.ts";
import { readSettings } from "../../cluster/settings.ts";
import { cluster, service } from "../../support/service.ts";

const rows = [
  { title: "one static program on scratch", name: "localhost/tespod-test-static:1", lines: "" },
  { title: "the same as uid 1000", name: "localhost/tespod-test-nonroot:1", lines: "USER 1000:1000\n" },
];

describe.skipIf(cluster === undefined)("small executor images", () => {
  test.each(rows)(
    "$title",
    async ({ name, lines }) => {
      if (cluster === undefined) throw new Error("There is no cluster");
      // Named after the one applet that it then is: there is no shell to be found in it.
      const busybox = join(await ensureRootfs(readSettings().cacheFolder), "tools/busybox");
      await ensureImage(cluster, {
        name,
        containerfile: `FROM scratch\nCOPY busybox /bin/tee\n${lines}`,
        context: { busybox: { from: busybox, mode: 0o755 } },
      });
      const { tes } = await service();
      const id = await tes.create({
        inputs: [{ content: "small\n", path: "/in/text" }],
        volumes: ["/out"],
        executors: [
          { image: name, command: ["tee", "/out/copy"], stdin: "/in/text", workdir: "/out" },
          { image: name, command: ["/bin/tee"], stdin: "/out/copy" },
        ],
      });
      const task = await tes.wait(id);
      expect(task.state).toBe("COMPLETE");
      expect(task.logs?.[0]?.logs.map(({ stdout }) => stdout)).toEqual(["small\n", "small\n"]);
    },
    180_000,
  );
});
