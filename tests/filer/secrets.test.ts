// Whatever fails, nothing that is said of it holds a credential: not the journal, not stderr, not what the service is told.
import { afterAll, beforeAll, describe, expect, spyOn, test } from "bun:test";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { uploadOutputs } from "../../sidecar/filer/filer.ts";
import { storageSettings } from "../../sidecar/filer/settings.ts";
import { reasonOf } from "../../sidecar/reason.ts";
import { executor, makePlan, makeScratchPod } from "../step/scratch-pod.ts";
import { startSidecar } from "../supervisor/pod.ts";
import { startReportServer } from "../supervisor/report-server.ts";
import { makeCertificates } from "./certificates.ts";
import { type RawServer, startRawServer } from "./file-server.ts";
import { type Minio, startMinio } from "./minio.ts";

/** Stands in everything that is secret here. */
const SECRET = "0hneVerTellMe";

let scratch: string;
let minio: Minio;
let tls: Minio;
let web: ReturnType<typeof Bun.serve>;
let cut: RawServer;
let cutHead: RawServer;

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), "tespod-secrets-"));
  const certificates = makeCertificates();
  copyFileSync(join(certificates, "cert.pem"), join(certificates, "public.crt"));
  copyFileSync(join(certificates, "key.pem"), join(certificates, "private.key"));
  [minio, tls] = await Promise.all([startMinio(), startMinio({ certificates })]);
  await minio.client.makeBucket("bucket");
  // A redirect to a signed URL, which then fails; a login page; a refusal that says back what it was told.
  web = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: ({ url, headers }) => {
      const { pathname } = new URL(url);
      if (pathname === "/to-signed") return Response.redirect(`/refused?X-Amz-Signature=${SECRET}`, 302);
      if (pathname === "/to-nowhere")
        return Response.redirect(`http://user:${SECRET}@127.0.0.1:1/?token=${SECRET}`, 302);
      if (pathname === "/round") return Response.redirect(`/round?token=${SECRET}`, 302);
      if (pathname === "/to-login.bam") return Response.redirect(`/login?token=${SECRET}`, 302);
      const type = { "content-type": "text/html" };
      if (pathname === "/login") return new Response("<html></html>", { headers: type });
      return new Response(`not with ${headers.get("authorization")} at ${url}`, {
        status: 403,
        headers: type,
      });
    },
  });
  cut = startRawServer(() => `HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n${"x".repeat(100)}`);
  // An upload is done once its status has arrived, so this answer ends within the status line.
  cutHead = startRawServer(() => "HTTP/1.1 2");
}, 900_000);
afterAll(async () => {
  await web.stop(true);
  cut.stop();
  cutHead.stop();
  await minio[Symbol.asyncDispose]();
  await tls[Symbol.asyncDispose]();
  await rm(scratch, { recursive: true, force: true });
});

interface Row {
  title: string;
  url(): string;
  environment?(): Record<string, string>;
}

const keys = () => ({
  AWS_ENDPOINT_URL: minio.settings.endpoint ?? "",
  AWS_ACCESS_KEY_ID: minio.settings.accessKeyId ?? "",
  AWS_SECRET_ACCESS_KEY: SECRET,
});
const hosts = (bearer: object) => ({
  HTTP_HOSTS: JSON.stringify([{ host: "127.0.0.1", plain: true, ...bearer }]),
});
const token = (): string => {
  const file = join(scratch, "token");
  writeFileSync(file, SECRET);
  return file;
};

const rows: Row[] = [
  { title: "a wrong secret key", url: () => "s3://bucket/key", environment: keys },
  {
    title: "a session token that nobody knows",
    url: () => "s3://bucket/key",
    environment: () => ({ ...keys(), AWS_SESSION_TOKEN: SECRET }),
  },
  {
    title: "no server of S3",
    url: () => "s3://bucket/key",
    environment: () => ({ ...keys(), AWS_ENDPOINT_URL: "http://127.0.0.1:1" }),
  },
  {
    title: "no S3 at all",
    url: () => "s3://bucket/key",
    environment: () => ({ ...keys(), AWS_ENDPOINT_URL: `http://127.0.0.1:${web.port}` }),
  },
  {
    title: "an S3 that cuts its answers",
    url: () => "s3://bucket/key",
    environment: () => ({ ...keys(), AWS_ENDPOINT_URL: `http://127.0.0.1:${cut.port}` }),
  },
  {
    title: "an endpoint that is none",
    url: () => "s3://bucket/key",
    environment: () => ({ ...keys(), AWS_ENDPOINT_URL: `http://user:${SECRET}@127.0.0.1:1/${SECRET}` }),
  },
  {
    title: "a certificate that nobody trusts",
    url: () => "s3://bucket/key",
    environment: () => ({ ...keys(), AWS_ENDPOINT_URL: tls.settings.endpoint ?? "" }),
  },
  {
    title: "a web identity token that is not believed",
    url: () => "s3://bucket/key",
    environment: () => ({
      AWS_ENDPOINT_URL: minio.settings.endpoint ?? "",
      AWS_ENDPOINT_URL_STS: minio.settings.endpoint ?? "",
      AWS_WEB_IDENTITY_TOKEN_FILE: token(),
    }),
  },
  {
    title: "endpoints that cannot be read",
    url: () => "s3://bucket/key",
    environment: () => ({ S3_ENDPOINTS: `[{"buckets": ["*"], "encryption": "${SECRET}"}]` }),
  },
  {
    title: "hosts that cannot be read",
    url: () => `http://127.0.0.1:${web.port}/refused`,
    environment: () => ({ HTTP_HOSTS: `[{"host": "h", "bearer": "${SECRET}"` }),
  },
  {
    title: "a netrc that cannot be read",
    url: () => `http://127.0.0.1:${web.port}/refused`,
    environment: () => ({ NETRC: `machine h login me passwort ${SECRET}` }),
  },
  {
    title: "a token that is refused",
    url: () => `http://127.0.0.1:${web.port}/refused`,
    environment: () => hosts({ bearer: SECRET }),
  },
  {
    title: "a password that is refused",
    url: () => `http://127.0.0.1:${web.port}/refused`,
    environment: () => hosts({ user: "me", password: SECRET }),
  },
  {
    title: "a login in the URL that is refused",
    url: () => `http://me:${SECRET}@127.0.0.1:${web.port}/refused`,
  },
  {
    title: "a signed URL that is refused",
    url: () => `http://127.0.0.1:${web.port}/refused?X-Amz-Signature=${SECRET}`,
  },
  { title: "a signed URL behind which nobody is", url: () => `http://127.0.0.1:1/a?sig=${SECRET}` },
  { title: "a signed URL that is cut", url: () => `http://127.0.0.1:${cutHead.port}/a?sig=${SECRET}` },
  { title: "a signed URL of a host that is none", url: () => `http://no-such-host.invalid/a?sig=${SECRET}` },
  { title: "a signed URL that is none", url: () => `http://:${SECRET}@:x/a?sig=${SECRET}` },
  { title: "a redirect to a signed URL", url: () => `http://127.0.0.1:${web.port}/to-signed` },
  { title: "a redirect to nowhere", url: () => `http://127.0.0.1:${web.port}/to-nowhere` },
  { title: "a redirect round and round", url: () => `http://127.0.0.1:${web.port}/round` },
  { title: "a redirect to a login", url: () => `http://127.0.0.1:${web.port}/to-login.bam` },
  {
    title: "a signed URL of a kind that nobody knows",
    url: () => `gs://me:${SECRET}@bucket/a?sig=${SECRET}`,
  },
];

const mounts = [{ path: "/data", folder: "m0", file: false }];

describe("nothing secret is said of", () => {
  test.concurrent.each(rows)(
    "an input by $title",
    async ({ url, environment = () => ({}) }) => {
      using pod = makeScratchPod();
      using server = startReportServer();
      const inputs = [{ path: "/data/in", type: "FILE" as const, url: url() }];
      using sidecar = startSidecar("stage-in", pod, {
        plan: makePlan([executor(["true"])], { mounts, inputs }),
        callbackUrl: server.url,
        environment: environment(),
      });
      expect(await sidecar.exitCode).toBe(1);
      const reports = server.requests.map(({ body }) => body).join("\n");
      expect(sidecar.said()).toContain("Cannot stage");
      expect(reports).toContain("Cannot stage");
      const left = readFileSync(pod.roots.terminationLog, "utf8");
      expect(secretIn(`${sidecar.said()}${reports}${left}`)).toBeUndefined();
    },
    60_000,
  );

  test.concurrent.each(rows)(
    "an output by $title",
    async ({ url, environment = () => ({}) }) => {
      using pod = makeScratchPod();
      mkdirSync(join(pod.roots.work, "m0"), { recursive: true });
      writeFileSync(join(pod.roots.work, "m0/out"), "out");
      const outputs = [{ path: "/data/out", type: "FILE" as const, url: url() }];
      const events: unknown[] = [];
      const plan = makePlan([executor(["true"])], { mounts, outputs });
      const logs = (["log", "warn", "error"] as const).map((name) => spyOn(console, name));
      const failure: unknown = await uploadOutputs({
        plan,
        roots: pod.roots,
        storage: { ...storageSettings(environment()), retry: { attempts: 2, firstPauseMilliseconds: 1 } },
        signal: new AbortController().signal,
        report: (event) => events.push(event),
      }).then(
        () => "no failure",
        (error: unknown) => error,
      );
      expect(reasonOf(failure)).toStartWith("Cannot upload");
      const said = logs.flatMap(({ mock }) => mock.calls);
      // Also not where a careless hand would print the whole error.
      expect(
        secretIn(
          `${reasonOf(failure)}${JSON.stringify(events)}${inspect(said)}${inspect(failure, { depth: 9 })}`,
        ),
      ).toBeUndefined();
    },
    60_000,
  );
});

/** The words around the first secret in a text. */
function secretIn(text: string): string | undefined {
  const hidden = [
    SECRET,
    btoa(`me:${SECRET}`),
    minio.settings.secretAccessKey ?? SECRET,
    "AWS4-HMAC",
    "X-Amz-Signature",
  ];
  const at = hidden.map((each) => text.indexOf(each)).find((index) => index >= 0);
  return at === undefined ? undefined : text.slice(Math.max(0, at - 80), at + 80);
}
