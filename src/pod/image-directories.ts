// Which directories images have something of their own in, so that no mount is put over them that the task did not ask for.
import { parentPath, type TaskPath } from "../../sidecar/contract/path.ts";
import { isScratchFolder, isSystemFolder } from "../tes/path.ts";

/** In these each directory belongs to a user, a package or a service of the image: /home/jovyan, /opt/conda, /var/www. */
const ownersParents: ReadonlySet<string> = new Set(["/home", "/opt", "/run", "/srv", "/var", "/var/lib"]);

/** What workflow engines have there, and no image. */
const enginesDirectories: ReadonlySet<string> = new Set(["/var/lib/cwl"]);

/** Where images by custom have their program, or the package manager that brought it. */
const programDirectories: ReadonlySet<string> = new Set([
  "/anaconda",
  "/anaconda3",
  "/app",
  "/application",
  "/apps",
  "/build",
  "/code",
  "/conda",
  "/gnu",
  "/mamba",
  "/micromamba",
  "/miniconda",
  "/miniconda3",
  "/miniforge3",
  "/nix",
  "/packages",
  "/programs",
  "/scripts",
  "/software",
  "/src",
  "/tools",
  "/var/www/html",
  "/venv",
  "/workspace",
]);

/** True if images may have there what a tool needs. What holds such a directory is one itself. */
export function isImageDirectory(path: TaskPath): boolean {
  if (isScratchFolder(path) || enginesDirectories.has(path)) return false;
  return isSystemFolder(path) || programDirectories.has(path) || ownersParents.has(parentPath(path));
}
