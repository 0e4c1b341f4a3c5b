// The pod that cleans up: what it removes, and what it is not given.
import { expect, test } from "bun:test";
import { decodeUploads } from "../../sidecar/contract/uploads.ts";
import { buildCleanUpPod } from "../../src/pod/clean-up.ts";
import { makeRecord, makeSettings } from "../support/make.ts";

const settings = makeSettings({
  work: { kind: "claim", claim: "shared" },
  storageSecrets: ["keys"],
  callbackUrl: "https://tes.example.org",
});

test("it has the name of the last attempt's pod and removes the folders of all", () => {
  const { metadata, spec } = buildCleanUpPod(makeRecord({ run: { attempt: 2 } }), settings);
  expect(metadata).toMatchObject({
    name: "tes-abc-2",
    labels: { "tespod/task": "abc", "tespod/attempt": "2" },
  });
  expect(spec?.containers).toMatchObject([
    {
      args: ["clean-up", "tes-abc-1", "tes-abc-2"],
      volumeMounts: [{ name: "work", mountPath: "/.tes/work" }],
      securityContext: {
        readOnlyRootFilesystem: true,
        capabilities: { drop: ["ALL"], add: ["DAC_OVERRIDE"] },
      },
    },
  ]);
  expect(spec?.volumes).toEqual([{ name: "work", persistentVolumeClaim: { claimName: "shared" } }]);
});

test("it has no credential and no token", () => {
  const { spec } = buildCleanUpPod(makeRecord(), settings);
  expect(spec?.automountServiceAccountToken).toBe(false);
  expect(JSON.stringify(spec)).not.toMatch(/secretRef|secretKeyRef|envFrom|"env"|report-key/);
});

const uploads = [{ url: "s3://bucket/a$(AWS_SECRET_ACCESS_KEY)", upload: "u1" }];

test("with uploads to abort it has the storage's credentials and the task's service account, and Kubernetes expands nothing", () => {
  const identity = { audience: "sts", expirationSeconds: 3600, serviceAccount: "runner" };
  const given = { ...settings, work: { kind: "emptyDir" } as const, webIdentity: identity };
  const { spec } = buildCleanUpPod(makeRecord({ run: { uploads } }), given);
  expect(spec).toMatchObject({ serviceAccountName: "runner", automountServiceAccountToken: false });
  const [container] = spec?.containers ?? [];
  expect(container).toMatchObject({
    args: ["clean-up"],
    envFrom: [{ secretRef: { name: "keys", optional: true } }],
    volumeMounts: [{ name: "identity", readOnly: true }],
  });
  expect(container?.env?.map(({ name }) => name)).toEqual(["TESPOD_UPLOADS", "AWS_WEB_IDENTITY_TOKEN_FILE"]);
  expect(decodeUploads(container?.env?.[0]?.value ?? "")).toEqual(uploads);
  expect(JSON.stringify(spec)).not.toMatch(/\$\(|report-key/);
  expect(spec?.volumes).toMatchObject([{ name: "identity" }]);
});

test("with both it does both", () => {
  const { spec } = buildCleanUpPod(makeRecord({ run: { uploads } }), settings);
  expect(spec?.containers[0]).toMatchObject({
    args: ["clean-up", "tes-abc-1"],
    env: [{ name: "TESPOD_UPLOADS" }],
  });
});

test("without a claim there is none", () => {
  expect(() => buildCleanUpPod(makeRecord(), makeSettings())).toThrow('Cannot clean up after "abc"');
});
