// The pod that cleans up: what it removes, and what it is not given.
import { expect, test } from "bun:test";
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

test("without a claim there is none", () => {
  expect(() => buildCleanUpPod(makeRecord(), makeSettings())).toThrow('Cannot clean up after "abc"');
});
