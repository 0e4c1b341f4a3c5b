// Who we are to a real API server, and whom we trust: certificates, tokens, plugins, names.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { rootCertificates } from "node:tls";
import { loadKubeconfig } from "../../../src/cluster/kubeconfig.ts";
import { coreApi, createTransport, type Transport } from "../../../src/cluster/transport.ts";
import {
  adminKubeconfig,
  base64,
  type ClusterEntry,
  findKubeconfig,
  kubeconfigText,
  makeNamespace,
  makeScratch,
  never,
  readEntry,
  type Scratch,
  type ScratchNamespace,
  transportOf,
} from "./support.ts";

const kubeconfig = await findKubeconfig();

describe.skipIf(kubeconfig === undefined)("access to the API server", () => {
  let entry: ClusterEntry;
  let scratch: Scratch;
  let admin: Transport;
  let namespace: ScratchNamespace;
  const transports: Transport[] = [];

  beforeAll(async () => {
    entry = await readEntry(kubeconfig ?? "");
    scratch = makeScratch();
    admin = transportOf(kubeconfig ?? "");
    namespace = await makeNamespace(admin);
  });

  afterAll(async () => {
    await namespace[Symbol.asyncDispose]();
    scratch[Symbol.dispose]();
    for (const transport of [admin, ...transports]) transport.close();
  });

  /** Who the API server takes us for. */
  async function whoAmI(text: string): Promise<string> {
    const transport = transportOf(scratch.write("kubeconfig", text));
    transports.push(transport);
    return await askWho(transport);
  }

  async function askWho(transport: Transport): Promise<string> {
    const response = await transport.send(
      `${transport.server}/apis/authentication.k8s.io/v1/selfsubjectreviews`,
      {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: "{}",
        signal: never,
      },
    );
    const review = (await response.json()) as { status: { userInfo: { username: string } } };
    return review.status.userInfo.username;
  }

  async function newToken(): Promise<string> {
    const { status } = await coreApi(admin, never).createNamespacedServiceAccountToken({
      name: "default",
      namespace: namespace.name,
      body: { spec: { audiences: [], expirationSeconds: 3600 } },
    });
    return status?.token ?? "";
  }

  const ca = () => ({ server: entry.server, "certificate-authority-data": base64(entry.ca) });
  const serviceAccount = () => `system:serviceaccount:${namespace.name}:default`;

  describe("a client certificate", () => {
    test("as data in the kubeconfig", async () => {
      const name = await whoAmI(
        kubeconfigText(ca(), {
          "client-certificate-data": base64(entry.cert),
          "client-key-data": base64(entry.key),
        }),
      );
      expect(name).toBe(await askWho(admin));
      expect(name).not.toBe("system:anonymous");
    });

    test("as files, named relative to the kubeconfig", async () => {
      scratch.write("ca.crt", entry.ca);
      scratch.write("me.crt", entry.cert);
      scratch.write("me.key", entry.key);
      const name = await whoAmI(
        kubeconfigText(
          { server: entry.server, "certificate-authority": "ca.crt" },
          { "client-certificate": "me.crt", "client-key": "me.key" },
        ),
      );
      expect(name).toBe(await askWho(admin));
    });
  });

  test("a token in the kubeconfig", async () => {
    expect(await whoAmI(kubeconfigText(ca(), { token: await newToken() }))).toBe(serviceAccount());
  });

  test("no credentials at all: anonymous, or unauthorized where that is off", async () => {
    const answer = await whoAmI(kubeconfigText(ca(), {})).catch((error: Error) => error.message);
    expect(["system:anonymous", "Unauthorized"]).toContain(
      answer.replace(/^.*"(system:anonymous)".*$/, "$1"),
    );
  });

  test("a user named by impersonation", async () => {
    const user = {
      as: "somebody-else",
      "client-certificate-data": base64(entry.cert),
      "client-key-data": base64(entry.key),
    };
    expect(await whoAmI(kubeconfigText(ca(), user))).toBe("somebody-else");
  });

  describe("whom we trust", () => {
    const stranger = rootCertificates[0] ?? "";

    test("the given CA only: another CA fails", async () => {
      const cluster = { ...ca(), "certificate-authority-data": base64(stranger) };
      await expect(whoAmI(kubeconfigText(cluster, {}))).rejects.toThrow(/certificate/i);
    });

    test("without a CA only what the system trusts", async () => {
      await expect(whoAmI(kubeconfigText({ server: entry.server }, {}))).rejects.toThrow(/certificate/i);
    });

    test("a public CA is not trusted beside the given one", async () => {
      const tls = { ca: entry.ca, skipVerify: false };
      const { createTlsFetch } = await import("../../../src/cluster/tls-fetch.ts");
      expect((await createTlsFetch(tls).fetch(`${entry.server}/version`, {})).status).toBeLessThan(500);
      await expect(
        createTlsFetch({ ...tls, ca: stranger }).fetch(`${entry.server}/version`, {}),
      ).rejects.toThrow();
    });

    test("the rest of the process still does not trust the cluster's CA", async () => {
      expect(await askWho(admin)).not.toBe("");
      await expect(fetch(`${entry.server}/version`)).rejects.toThrow(/certificate/i);
    });

    test("anyone, with insecure-skip-tls-verify", async () => {
      const cluster = { server: entry.server, "insecure-skip-tls-verify": true };
      expect(await whoAmI(kubeconfigText(cluster, { token: await newToken() }))).toBe(serviceAccount());
    });

    test("a server of another name, with tls-server-name", async () => {
      const cluster = { ...ca(), "tls-server-name": "kubernetes.default.svc" };
      expect(await whoAmI(kubeconfigText(cluster, { token: await newToken() }))).toBe(serviceAccount());
    });

    test("no server whose certificate lacks the tls-server-name", async () => {
      const cluster = { ...ca(), "tls-server-name": "elsewhere.example" };
      await expect(whoAmI(kubeconfigText(cluster, {}))).rejects.toThrow(
        /ALTNAME|altname|hostname|certificate/i,
      );
    });
  });

  test("a proxy-url is gone through, and sees nothing of what is said", async () => {
    const asked: string[] = [];
    let heard = "";
    const proxy = createServer((client) => {
      client.once("data", (request: Buffer) => {
        asked.push(request.toString().split("\r\n")[0] ?? "");
        const server = connect({ host: entry.host, port: entry.port }, () => {
          client.write("HTTP/1.1 200 Connection established\r\n\r\n");
          client.on("data", (chunk: Buffer) => {
            heard += chunk.toString("latin1");
          });
          client.pipe(server).pipe(client);
        });
        client.on("error", () => server.destroy());
        server.on("error", () => client.destroy());
      });
    });
    proxy.listen(0, "127.0.0.1");
    await once(proxy, "listening");
    const { port } = proxy.address() as { port: number };
    const token = await newToken();
    const cluster = { ...ca(), "proxy-url": `http://127.0.0.1:${port}` };
    expect(await whoAmI(kubeconfigText(cluster, { token }))).toBe(serviceAccount());
    expect(asked).toEqual([`CONNECT ${entry.host}:${entry.port} HTTP/1.1`]);
    expect(heard).not.toContain(token);
    proxy.close();
  });

  describe("a pod's own service account", () => {
    /** The folder as the kubelet lays it out. */
    function layOut(token: string): string {
      const folder = join(scratch.path, "root/var/run/secrets/kubernetes.io/serviceaccount");
      Bun.spawnSync(["mkdir", "-p", folder]);
      for (const [name, text] of Object.entries({ token, "ca.crt": entry.ca, namespace: namespace.name })) {
        scratch.write(`root/var/run/secrets/kubernetes.io/serviceaccount/${name}`, text);
      }
      return join(scratch.path, "root");
    }

    test("is taken from its files, and read again once the token is refused", async () => {
      const serviceAccountRoot = layOut("expired");
      process.env["KUBERNETES_SERVICE_HOST"] = entry.host;
      process.env["KUBERNETES_SERVICE_PORT"] = String(entry.port);
      const transport = createTransport(() => loadKubeconfig({ serviceAccountRoot }));
      transports.push(transport);
      await expect(askWho(transport)).rejects.toMatchObject({ status: { code: 401 } });
      layOut(await newToken());
      // The refusal made it forget the old token: no minute has to pass.
      expect(await askWho(transport)).toBe(serviceAccount());
    });

    test("that is not there is a clear error", () => {
      expect(() => loadKubeconfig({ serviceAccountRoot: scratch.path })).toThrow("Cannot find a cluster");
    });
  });

  describe("a credential plugin", () => {
    /** A plugin that prints what the file says, and notes each run. */
    function pluginUser(status: object): object {
      const answer = scratch.write(
        "answer.json",
        JSON.stringify({ apiVersion: "client.authentication.k8s.io/v1", kind: "ExecCredential", status }),
      );
      const runs = scratch.write("runs", "");
      const command = scratch.write("plugin", `#!/bin/sh\necho run >> ${runs}\ncat ${answer}\n`, 0o700);
      return { exec: { apiVersion: "client.authentication.k8s.io/v1", command, interactiveMode: "Never" } };
    }

    const runs = () => readFileSync(join(scratch.path, "runs"), "utf8").split("\n").length - 1;

    test("that gives a token is run once for many calls at a time", async () => {
      const transport = transportOf(
        scratch.write("kubeconfig", kubeconfigText(ca(), pluginUser({ token: await newToken() }))),
      );
      transports.push(transport);
      const names = await Promise.all(Array.from({ length: 20 }, () => askWho(transport)));
      expect(new Set(names)).toEqual(new Set([serviceAccount()]));
      expect(runs()).toBe(1);
    });

    test("that gives a certificate", async () => {
      const user = pluginUser({ clientCertificateData: entry.cert, clientKeyData: entry.key });
      expect(await whoAmI(kubeconfigText(ca(), user))).toBe(await askWho(admin));
    });

    test("is asked again after its token was refused", async () => {
      const transport = transportOf(
        scratch.write("kubeconfig", kubeconfigText(ca(), pluginUser({ token: "refused" }))),
      );
      transports.push(transport);
      await askWho(transport).catch((error: Error) => expect(error).toMatchObject({ status: { code: 401 } }));
      pluginUser({ token: await newToken() });
      expect(await askWho(transport)).toBe(serviceAccount());
    });

    test("that hangs keeps no call longer than its bound", async () => {
      const command = scratch.write("hanging", "#!/bin/sh\nexec sleep 100\n", 0o700);
      const user = { exec: { apiVersion: "client.authentication.k8s.io/v1", command } };
      const transport = transportOf(scratch.write("kubeconfig", kubeconfigText(ca(), user)));
      const ending = AbortSignal.timeout(100);
      await expect(transport.send(`${entry.server}/version`, { signal: ending })).rejects.toThrow(/time/i);
    });

    test("that fails is an error with what it said", async () => {
      const command = scratch.write("broken", "#!/bin/sh\necho no ticket >&2\nexit 1\n", 0o700);
      const user = { exec: { apiVersion: "client.authentication.k8s.io/v1", command } };
      await expect(whoAmI(kubeconfigText(ca(), user))).rejects.toThrow("no ticket");
    });
  });

  test("several kubeconfigs, as KUBECONFIG may name them: the first one's context wins", () => {
    const first = scratch.write("first", adminKubeconfig(entry));
    const second = scratch.write(
      "second",
      kubeconfigText({ server: "https://second.example" }, {}).replaceAll('"test"', '"other"'),
    );
    const config = loadKubeconfig({ kubeconfig: `${first}:${second}` });
    expect(config.getCurrentCluster()?.server).toBe(entry.server);
    expect(config.getContexts().map(({ name }) => name)).toEqual(["test", "other"]);
  });
});

describe("a kubeconfig that cannot be used is a clear error", () => {
  test.each([
    {
      what: "no such file",
      kubeconfig: "/nonexistent/kubeconfig",
      message: 'Cannot load kubeconfig "/nonexistent/kubeconfig"',
    },
    { what: "an empty path", kubeconfig: "", message: "its path is empty" },
    { what: "no kubeconfig", kubeconfig: "/dev/null", message: "Cannot" },
  ])("$what", ({ kubeconfig: path, message }) => {
    expect(() => loadKubeconfig({ kubeconfig: path })).toThrow(message);
  });

  test("a context that names no cluster", () => {
    using scratch = makeScratch();
    const path = scratch.write(
      "kubeconfig",
      kubeconfigText({ server: "https://x" }, {}).replace('"cluster":"test"', '"cluster":"gone"'),
    );
    expect(() => loadKubeconfig({ kubeconfig: path })).toThrow("lacks a context, cluster or user entry");
  });
});
