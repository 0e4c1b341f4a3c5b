/** The images' bills of materials: valid SPDX, and what is in the programs, no more and no less. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { ensurePython } from "../support/python.ts";
import { bundledPackages, foldersIn } from "./bundled.ts";
import { billOf } from "./images.ts";
import { ensureRootfs, hostArchitecture } from "./rootfs.ts";
import { readSettings } from "./settings.ts";
import { run, tryRun } from "./shell.ts";

const project = join(import.meta.dirname, "../..");
const folder = mkdtempSync(join(tmpdir(), "tespod-sbom-"));
afterAll(() => rmSync(folder, { recursive: true }));

interface Bill {
  readonly packages: readonly {
    readonly name: string;
    readonly versionInfo: string;
    readonly checksums?: readonly object[];
    readonly externalRefs?: readonly { readonly referenceLocator: string }[];
  }[];
}

describe.each([
  {
    image: "tespod-service",
    entry: "src/main.ts",
    debian: ["ca-certificates", "libc6"],
    some: ["@kubernetes/client-node", "bun", "hono", "postgres", "zod"],
  },
  {
    image: "tespod-sidecar",
    entry: "sidecar/main.ts",
    debian: ["busybox-static", "ca-certificates", "libc6", "mksh"],
    some: ["basic-ftp", "bun", "p-queue", "valibot"],
  },
] as const)("$image", ({ image, entry, debian, some }) => {
  const file = join(folder, `${image}.spdx.json`);
  let bill: Bill;

  beforeAll(async () => {
    const metafile = join(folder, `${image}.json`);
    const flags = [
      "--target=bun",
      "--splitting",
      `--outdir=${join(folder, image)}`,
      `--metafile=${metafile}`,
    ];
    await run(process.execPath, ["build", ...flags, entry], { cwd: project });
    const rootfs = await ensureRootfs(readSettings().cacheFolder);
    const document = await billOf(image, { architecture: hostArchitecture, rootfs, metafile });
    writeFileSync(file, JSON.stringify(document));
    bill = JSON.parse(readFileSync(file, "utf8"));
  }, 300_000);

  const urls = (kind: string) =>
    bill.packages
      .filter(({ externalRefs }) => externalRefs?.[0]?.referenceLocator.startsWith(`pkg:${kind}/`))
      .map(({ name }) => name)
      .toSorted();

  test("is valid SPDX 2.3 to the validator of the SPDX project", async () => {
    const { bin } = await ensurePython({ name: "spdx-tools-0.8.3", packages: ["spdx-tools==0.8.3"] });
    const { code, stdout, stderr } = await tryRun(join(bin, "pyspdxtools"), [
      "--infile",
      file,
      "--version",
      "SPDX-2.3",
    ]);
    expect({ code, said: code === 0 ? "" : `${stdout}${stderr}` }).toEqual({ code: 0, said: "" });
  }, 300_000);

  test("names Debian's packages, each with version and checksum", () => {
    expect(urls("deb")).toEqual([...debian]);
    for (const each of bill.packages.filter(({ name }) => debian.some((one) => one === name))) {
      expect(each.versionInfo).toMatch(/\d/);
      expect(each.checksums).toHaveLength(1);
    }
  });

  test("names the packages of npm that are in the program, and none that is only built or tested with", () => {
    const names = urls("npm");
    expect(names).toEqual(expect.arrayContaining([...some]));
    for (const tool of ["typescript", "@biomejs/biome", "knip", "minio", "deno"])
      expect(names).not.toContain(tool);
    if (image === "tespod-sidecar") expect(names).toEqual([...some]);
  });
});

test("a package of which nothing is left in the program is not in it; one inside of another is, by its own folder", () => {
  const bytes = (bytesInOutput: number) => ({ bytesInOutput });
  const inputs = {
    "node_modules/hono/dist/index.js": bytes(10),
    "../x/node_modules/@scope/name/a.js": bytes(1),
    "node_modules/outer/node_modules/@in/ner/index.js": bytes(1),
    "node_modules/dropped/index.js": bytes(0),
    "src/main.ts": bytes(5),
  };
  expect(foldersIn({ outputs: { "main.js": { inputs }, "asset.txt": {} } })).toEqual([
    "node_modules/@scope/name",
    "node_modules/hono",
    "node_modules/outer/node_modules/@in/ner",
  ]);
});

test("a package that package-lock.json does not have is an error that names it", () => {
  const metafile = join(folder, "stray.json");
  const inputs = { "node_modules/stray/index.js": { bytesInOutput: 1 } };
  writeFileSync(metafile, JSON.stringify({ outputs: { "main.js": { inputs } } }));
  expect(() => bundledPackages(project, metafile)).toThrow(
    "node_modules/stray is in a program and not in package-lock.json",
  );
});
