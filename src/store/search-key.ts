// What PostgreSQL indexes of a name or a tag: it takes no index row over 2.7 kB, and no text that is not Unicode.
import { createHash } from "node:crypto";

/** In UTF-16 units, of which each is at most 3 bytes of UTF-8; a tag's key and value share a row. */
const unitsMax = 400;

/** The text, of which a long one ends in its hash, so that equal keys are equal texts. */
export function searchKey(text: string): string {
  if (text.length <= unitsMax) return text.toWellFormed();
  return cut(text, unitsMax - 64) + createHash("sha256").update(text.toWellFormed()).digest("hex");
}

/** The beginning of a name, or of a prefix of names: of longer ones only so much is compared. */
export const searchPrefix = (text: string): string => cut(text, unitsMax);

/** Never between the halves of a pair. */
const cut = (text: string, units: number): string =>
  text.slice(0, /[\uD800-\uDBFF]/.test(text.charAt(units - 1)) ? units - 1 : units).toWellFormed();
