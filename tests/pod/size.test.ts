// checkPodBytes: pods that the API server would not take are refused beforehand.

import { describe, expect, test } from "bun:test";
import { normalizePath } from "../../sidecar/contract/path.ts";
import { checkPodBytes } from "../../src/pod/size.ts";
import { makeTask } from "../support/make.ts";

const task = (executors: number, more: object = {}) =>
  makeTask({ executors: Array.from({ length: executors }, () => ({ image: "i", command: ["c"], ...more })) });
const plan = (mounts: number, path: string) => ({
  mounts: Array.from({ length: mounts }, (_, index) => ({
    path: normalizePath(`/${index}${path}`),
    folder: `dir-${index}`,
    file: false,
  })),
});

describe("a pod", () => {
  test.each([
    { title: "of one executor", executors: 1, mounts: 48, path: "a".repeat(4000), fits: true },
    {
      title: "of all executors and mounts, with usual paths",
      executors: 64,
      mounts: 16,
      path: "a".repeat(250),
      fits: true,
    },
    {
      title: "of all of them, with long paths",
      executors: 64,
      mounts: 16,
      path: "a".repeat(1000),
      fits: false,
    },
    {
      title: "whose paths need room where they are quoted",
      executors: 64,
      mounts: 16,
      path: '"'.repeat(250),
      fits: false,
    },
    { title: "whose paths are not Latin", executors: 64, mounts: 16, path: "日".repeat(250), fits: false },
  ])("$title: it fits $fits", ({ executors, mounts, path, fits }) => {
    const check = () => checkPodBytes(task(executors), plan(mounts, path));
    if (fits) expect(check).not.toThrow();
    else expect(check).toThrow(`${executors} executors with ${mounts} mounts each need some `);
  });

  test.each(["image", "workdir"])("with a long %s in each executor is refused", (key) => {
    expect(() => checkPodBytes(task(64, { [key]: "/a".repeat(4000) }), plan(1, ""))).toThrow(
      "too large for a pod",
    );
  });

  test("with long paths in the claim is refused", () => {
    const inPlace = [{ input: 0, path: normalizePath("/a"), subPath: "b".repeat(400_000) }];
    expect(() => checkPodBytes(task(2), { mounts: [], inPlace })).toThrow("too large for a pod");
  });
});
