// S3 XML: what is read of S3's answers, which a machine wrote: no attributes, no comments, no CDATA.
import { type Listed, StorageError } from "./storage.ts";

/** The text of the first element of that name; undefined if there is none. */
export function textOf(xml: string, name: string): string | undefined {
  const inner = innerOf(xml, name, 0);
  return inner === undefined || inner.text.includes("<") ? undefined : unescapeXml(inner.text);
}

/** The inner XML of all elements of that name. */
export function elementsOf(xml: string, name: string): string[] {
  const elements: string[] = [];
  for (let inner = innerOf(xml, name, 0); inner; inner = innerOf(xml, name, inner.end))
    elements.push(inner.text);
  return elements;
}

/** Not by regular expressions: a page of a thousand keys is long, and they are slow where they are not compiled. */
function innerOf(xml: string, name: string, from: number): { text: string; end: number } | undefined {
  const open = xml.indexOf(`<${name}>`, from);
  if (open < 0) return undefined;
  const start = open + name.length + 2;
  const end = xml.indexOf(`</${name}>`, start);
  return end < 0 ? undefined : { text: xml.slice(start, end), end };
}

export interface ListedPage {
  objects: Listed[];
  /** What to ask the next page with; undefined: this was the last. */
  next: string | undefined;
}

/** A page of ListObjectsV2, its keys percent-encoded if the server did as it was asked: XML cannot hold every key. */
export function parseListing(xml: string): ListedPage {
  if (!xml.includes("<ListBucketResult")) {
    throw new StorageError("permanent", "the answer to a listing is no listing: is it an S3 endpoint?");
  }
  const encoded = textOf(xml, "EncodingType") === "url";
  const objects = elementsOf(xml, "Contents").map((entry) => {
    const key = textOf(entry, "Key") ?? "";
    return { path: encoded ? decodeKey(key) : key, sizeBytes: Number(textOf(entry, "Size") ?? 0) };
  });
  if (textOf(xml, "IsTruncated") !== "true") return { objects, next: undefined };
  const next = textOf(xml, "NextContinuationToken");
  // Part of a folder is not the folder.
  if (!next)
    throw new StorageError("permanent", "the server cut a listing short and does not say how to go on");
  return { objects, next };
}

/** Uploads in parts that are begun and not ended: the first thousand. */
export function parseUploads(xml: string): { key: string; upload: string; begun: Date }[] {
  const encoded = textOf(xml, "EncodingType") === "url";
  return elementsOf(xml, "Upload").map((entry) => {
    const key = textOf(entry, "Key") ?? "";
    return {
      key: encoded ? decodeKey(key) : key,
      upload: textOf(entry, "UploadId") ?? "",
      begun: new Date(textOf(entry, "Initiated") ?? Number.NaN),
    };
  });
}

function decodeKey(key: string): string {
  try {
    return decodeURIComponent(key.replaceAll("+", " "));
  } catch {
    throw new StorageError("permanent", `"${key}" is no key in UTF-8`);
  }
}

const ENTITIES: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

const unescapeXml = (text: string): string =>
  !text.includes("&")
    ? text
    : text.replace(/&(?:#x([0-9a-f]{1,6})|#(\d{1,7})|(\w+));/gi, (whole, hex, decimal, name) => {
        if (name !== undefined) return ENTITIES[name] ?? whole;
        const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
        return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
      });

export const escapeXml = (text: string): string =>
  text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
