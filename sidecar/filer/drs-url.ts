// DRS URL: where objects of the Data Repository Service are asked for. Pure.
import { readDrsUrl } from "../contract/drs-url.ts";
import { mustRead } from "./must-read.ts";

/** https://host/ga4gh/drs/v1/objects/id of drs://host/id. Throws a permanent StorageError for other forms. */
export const drsObjectUrl = (url: string): string => mustRead(readDrsUrl(url)).objectUrl;

/** The URL of another object on the same server. */
export const drsSibling = (url: string, id: string): string =>
  `${url.replace(/^(drs:\/\/[^/]*).*$/is, "$1")}/${encodeURIComponent(id)}`;
