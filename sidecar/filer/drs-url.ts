// DRS URL: where the Data Repository Service (GA4GH DRS 1.x) answers for an object. Pure.
import { StorageError } from "./storage.ts";

/** https://host/ga4gh/drs/v1/objects/id of drs://host/id. Throws a permanent StorageError for other forms. */
export function drsObjectUrl(url: string): string {
  const [, host = "", id = ""] = /^drs:\/\/([^/]*)(?:\/(.*))?$/is.exec(url) ?? [];
  // "drs://dg.4503:abc" and "drs://provider/namespace:abc" are of the other kind.
  if (!/^[^:]*(:\d+)?$/.test(host) || id.includes(":") || (id === "" && host.includes(":"))) {
    throw new StorageError(
      "permanent",
      "compact identifiers of DRS are not resolved, only drs://host/id; a colon in an id is written %3A",
    );
  }
  if (
    !/^[A-Za-z0-9._~-]+(:\d+)?$/.test(host) ||
    !/^(?:[A-Za-z0-9._~!$&'()*+,;=@-]|%[0-9A-Fa-f]{2})+$/.test(id)
  )
    throw new StorageError(
      "permanent",
      "it is no URL of the form drs://host/id, with the id percent-encoded",
    );
  if (/^\.\.?$/.test(id)) throw new StorageError("permanent", `"${id}" is no id`);
  return `https://${host.toLowerCase()}/ga4gh/drs/v1/objects/${id}`;
}

/** The URL of another object on the same server. */
export const drsSibling = (url: string, id: string): string =>
  `${url.replace(/^(drs:\/\/[^/]*).*$/is, "$1")}/${encodeURIComponent(id)}`;
