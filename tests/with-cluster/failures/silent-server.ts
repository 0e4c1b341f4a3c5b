// A server that accepts every connection and says nothing, to be met by downloads, uploads and pulls of images.
import type { Deployed } from "../../support/deploy.ts";
import { busybox } from "../e2e/tasks.ts";
import { secondsMax } from "./failures.ts";

export interface SilentServer extends AsyncDisposable {
  /** Its name. */
  readonly pod: string;
  /** ADDRESS:PORT, as pods and nodes reach it. */
  readonly host: string;
  /** Resolves when somebody has connected. */
  connected(): Promise<void>;
  /** From now on new connections are answered: every GET brings "open\n". */
  open(): Promise<void>;
}

const script = `
echo >/tmp/connected
[ -e /tmp/open ] || exec sleep 3600
while read -r line && [ "\${#line}" -gt 1 ]; do :; done
printf 'HTTP/1.0 200 OK\\r\\nContent-Length: 5\\r\\n\\r\\nopen\\n'
`;

let servers = 0;

/** Starts it as a pod of the namespace. */
export async function startSilentServer({ kubectl }: Deployed): Promise<SilentServer> {
  servers += 1;
  const name = `silent-${servers}`;
  const pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name },
    spec: {
      restartPolicy: "Never",
      terminationGracePeriodSeconds: 0,
      containers: [
        {
          name: "server",
          image: busybox,
          imagePullPolicy: "IfNotPresent",
          command: ["nc", "-ll", "-p", "8000", "-e", "sh", "-c", script],
        },
      ],
    },
  };
  await kubectl(["apply", "-f", "-"], { input: JSON.stringify(pod) });
  await kubectl(["wait", "--for=condition=Ready", `pod/${name}`, `--timeout=${secondsMax}s`]);
  const address = await kubectl(["get", "pod", name, "-o", "jsonpath={.status.podIP}"]);
  const run = (...command: string[]) => kubectl(["exec", name, "--", ...command]);
  return {
    pod: name,
    host: `${address}:8000`,
    connected: async () => {
      const wait = `for second in $(seq ${secondsMax}); do [ -e /tmp/connected ] && exit; sleep 1; done; exit 1`;
      await run("sh", "-c", wait);
    },
    open: async () => void (await run("touch", "/tmp/open")),
    async [Symbol.asyncDispose]() {
      await kubectl(["delete", "pod", name, "--wait=false"]);
    },
  };
}
