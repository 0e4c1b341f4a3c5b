// Certificates: a fresh certificate for 127.0.0.1 that is its own authority.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { atEnd } from "../support/cleanups.ts";

/** A folder with key.pem, cert.pem and both.pem, which is removed after the tests. */
export function makeCertificates(): string {
  const folder = mkdtempSync(join(tmpdir(), "tespod-certificates-"));
  atEnd(() => rm(folder, { recursive: true }));
  const [key, certificate] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  const name = ["-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1"];
  const args = [
    "req",
    "-x509",
    "-newkey",
    "rsa:2048",
    "-nodes",
    "-days",
    "2",
    "-keyout",
    key,
    "-out",
    certificate,
  ];
  execFileSync("openssl", [...args, ...name], { stdio: "ignore" });
  writeFileSync(join(folder, "both.pem"), readFileSync(key) + readFileSync(certificate, "utf8"));
  return folder;
}
