// Sidecar program: compiled as for its image, and the environment that the image gives it.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compile } from "../cluster/images.ts";

export interface SidecarProgram extends Disposable {
  readonly path: string;
}

/** Removed when it is disposed of. */
export async function compileSidecar(): Promise<SidecarProgram> {
  const folder = mkdtempSync(join(tmpdir(), "tespod-bench-"));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  const path = join(folder, "tespod-sidecar");
  try {
    await compile("sidecar/main.ts", path);
  } catch (error) {
    remove();
    throw error;
  }
  return { path, [Symbol.dispose]: remove };
}

/** What the image sets for the runtime. */
export function imageEnvironment(): Record<string, string> {
  const file = readFileSync(join(import.meta.dirname, "../../Containerfile"), "utf8");
  const stage = file.slice(file.indexOf("AS sidecar"));
  return Object.fromEntries(
    stage.matchAll(/(BUN_\w+)=(\S+)/g).map(([, name = "", value = ""]) => [name, value]),
  );
}
