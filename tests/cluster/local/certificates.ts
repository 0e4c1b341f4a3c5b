/** Makes the keys and certificates of a local cluster. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../shell.ts";

const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "365"];

/** Makes a certificate authority, and under it certificates for the API server, an administrator and the node. Idempotent. */
export async function ensureCertificates(folder: string, nodeIp: string): Promise<void> {
  const made = join(folder, "made-for");
  if (existsSync(made) && readFileSync(made, "utf8") === nodeIp) {
    return;
  }
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const openssl = (...args: string[]) => run("openssl", args, { cwd: folder });
  // In this form, unlike in PKCS 8, the API server finds the public key too.
  await openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "service-accounts.key");
  await openssl("req", "-x509", ...newKey, "-subj", "/CN=tespod-test", "-keyout", "ca.key", "-out", "ca.crt");
  const certificate = (name: string, subject: string, names: string[]) => {
    const files = ["-keyout", `${name}.key`, "-out", `${name}.crt`];
    const extensions = [
      "-addext",
      `subjectAltName=${names.join(",")}`,
      "-addext",
      "basicConstraints=CA:FALSE",
    ];
    return openssl(
      "req",
      "-x509",
      "-CA",
      "ca.crt",
      "-CAkey",
      "ca.key",
      ...newKey,
      "-subj",
      subject,
      ...extensions,
      ...files,
    );
  };
  const inCluster = ["", ".default", ".default.svc", ".default.svc.cluster.local"].map(
    (end) => `DNS:kubernetes${end}`,
  );
  const addresses = ["127.0.0.1", "10.96.0.1", nodeIp].map((address) => `IP:${address}`);
  await certificate("api-server", "/CN=kube-apiserver", ["DNS:localhost", ...inCluster, ...addresses]);
  await certificate("admin", "/O=system:masters/CN=admin", ["DNS:admin"]);
  await certificate("node", "/O=system:nodes/CN=system:node:local", ["DNS:local", `IP:${nodeIp}`]);
  writeFileSync(made, nodeIp);
}

/** A kubeconfig for one of the certificates, complete in itself so that it can be copied. */
export function kubeconfig(folder: string, user: "admin" | "node", server: string): string {
  const data = (file: string) => readFileSync(join(folder, file)).toString("base64");
  const cluster = { server, "certificate-authority-data": data("ca.crt") };
  const identity = { "client-certificate-data": data(`${user}.crt`), "client-key-data": data(`${user}.key`) };
  // JSON is YAML.
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "tespod-test", cluster }],
    users: [{ name: user, user: identity }],
    contexts: [{ name: "tespod-test", context: { cluster: "tespod-test", user } }],
    "current-context": "tespod-test",
  });
}
