// What an executor of a real pod may not do to the containers beside it.
import { beforeAll, describe, expect, test } from "bun:test";
import type { Deployed } from "../../support/deploy.ts";
import { cluster, service } from "../../support/service.ts";
import { shell } from "./tasks.ts";

const secondsMax = 120;

describe.skipIf(cluster === undefined)("an executor", () => {
  let deployed: Deployed;

  beforeAll(async () => {
    deployed = await service();
  }, 180_000);

  const content = "127.0.0.1 own.example\n";
  const rows = [
    {
      title: "reads the pod's hosts and name servers, and cannot change them for the others",
      line: 'grep "$(hostname -i)" /etc/hosts >&2 && grep -c nameserver /etc/resolv.conf >&2 && for file in hosts resolv.conf; do echo 10.1.2.3 x >>/etc/$file || echo $file; done',
      stdout: "hosts\nresolv.conf\n",
    },
    {
      title: "cannot unmount them, or mount them anew",
      line: "umount /etc/hosts || mount -o remount,rw /etc/hosts || rm /etc/hosts || echo held",
      stdout: "held\n",
    },
    {
      title: "may have a hosts file of its own by an input",
      inputs: [{ path: "/etc/hosts", type: "FILE", content }],
      line: "cat /etc/hosts",
      stdout: content,
    },
    {
      title: "has the capabilities of ordinary tools, and no raw sockets",
      line: "grep CapEff /proc/self/status; arping -c 1 -I lo 127.0.0.1 2>/dev/null || echo refused",
      stdout: "CapEff:\t00000000800000fb\nrefused\n",
    },
  ];

  test.concurrent.each(rows)(
    "$title, by each staging",
    async ({ line, stdout, inputs }) => {
      // An input makes stage-in lay out the pod, and none the supervisor.
      const staged = { path: "/in/a", type: "FILE", content: "a" };
      for (const more of inputs === undefined ? [{}, { inputs: [staged] }] : [{ inputs }]) {
        const id = await deployed.tes.create({ ...more, executors: [shell(line), shell(line)] });
        const task = await deployed.tes.wait(id, { seconds: secondsMax });
        expect(task.state).toBe("COMPLETE");
        expect(task.logs?.[0]?.logs?.map((each) => each.stdout)).toEqual([stdout, stdout]);
      }
    },
    secondsMax * 2000,
  );
});
