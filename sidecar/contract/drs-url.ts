// DRS URL: where the Data Repository Service (GA4GH DRS 1.x) answers for an object. Pure.

/** https://host/ga4gh/drs/v1/objects/id of drs://host/id. */
export function readDrsUrl(url: string): { objectUrl: string } | { fault: string } {
  const [, host = "", id = ""] = /^drs:\/\/([^/]*)(?:\/(.*))?$/is.exec(url) ?? [];
  // "drs://dg.4503:abc" and "drs://provider/namespace:abc" are of the other kind.
  if (!/^[^:]*(:\d+)?$/.test(host) || id.includes(":") || (id === "" && host.includes(":"))) {
    return {
      fault:
        "compact identifiers of DRS are not resolved, only drs://host/id; a colon in an id is written %3A",
    };
  }
  if (
    !/^[A-Za-z0-9._~-]+(:\d+)?$/.test(host) ||
    !/^(?:[A-Za-z0-9._~!$&'()*+,;=@-]|%[0-9A-Fa-f]{2})+$/.test(id)
  )
    return { fault: "it is no URL of the form drs://host/id, with the id percent-encoded" };
  if (/^\.\.?$/.test(id)) return { fault: `"${id}" is no id` };
  const objectUrl = `https://${host.toLowerCase()}/ga4gh/drs/v1/objects/${id}`;
  return URL.canParse(objectUrl) ? { objectUrl } : { fault: "its port is no port" };
}
