// lengthFault: paths that no file system on Linux has room for.
import { segments, type TaskPath } from "./path.ts";

/** NAME_MAX, and PATH_MAX without the NUL at its end. */
const nameBytesMax = 255;
const pathBytesMax = 4095;

export function lengthFault(path: TaskPath): string | undefined {
  // Shorter ones, nearly all, are not looked at name by name.
  const bytes = Buffer.byteLength(path);
  if (bytes <= nameBytesMax) return undefined;
  if (bytes > pathBytesMax) return `a path has at most ${pathBytesMax} bytes`;
  const isLong = segments(path).some((name) => Buffer.byteLength(name) > nameBytesMax);
  return isLong ? `a name in a path has at most ${nameBytesMax} bytes` : undefined;
}
