/** What of the npm registry is in a compiled program: by what the bundler says it has put there. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { NpmPackage } from "./sbom.ts";

/** The file that `bun build --metafile` writes, as far as it is read here. */
interface Metafile {
  readonly outputs: Readonly<
    Record<string, { readonly inputs?: Readonly<Record<string, { readonly bytesInOutput: number }>> }>
  >;
}

interface Lock {
  readonly packages: Readonly<
    Record<string, { readonly version?: string; readonly license?: string; readonly integrity?: string }>
  >;
}

/** The package that a file is of, which may lie in another's folder. */
const innermost = /^node_modules\/(?:.*\/node_modules\/)?(?:@[^/]+\/)?[^/]+(?=\/)/;

/** The folders, in terms of package-lock.json, of packages of which the program has code. Pure. */
export function foldersIn({ outputs }: Metafile): string[] {
  const inputs = Object.values(outputs).flatMap((output) => Object.entries(output.inputs ?? {}));
  const folders = inputs
    .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
    .flatMap(([path]) => innermost.exec(path.slice(path.indexOf("node_modules/")))?.[0] ?? []);
  return [...new Set(folders)].sort();
}

/** The packages in the program, and Bun, which it runs on. Throws if one is not in package-lock.json. */
export function bundledPackages(project: string, metafile: string): NpmPackage[] {
  const { packages } = JSON.parse(readFileSync(join(project, "package-lock.json"), "utf8")) as Lock;
  const folders = foldersIn(JSON.parse(readFileSync(metafile, "utf8")) as Metafile);
  return [...folders, "node_modules/bun"].map((folder) => {
    const entry = packages[folder];
    if (entry?.version === undefined)
      throw new Error(`${folder} is in a program and not in package-lock.json`);
    const { version, license, integrity } = entry;
    return {
      name: folder.slice(folder.lastIndexOf("node_modules/") + "node_modules/".length),
      version,
      ...(license === undefined ? {} : { license }),
      ...(integrity === undefined ? {} : { integrity }),
    };
  });
}
