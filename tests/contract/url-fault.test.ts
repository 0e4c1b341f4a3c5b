// What is refused of a URL before any storage is asked, what is taken, and what is shown of it.
import { describe, expect, test } from "bun:test";
import { normalizePath } from "../../sidecar/contract/path.ts";
import { publicUrl } from "../../sidecar/contract/scheme.ts";
import { type UrlUse, urlFault } from "../../sidecar/contract/url-fault.ts";

const bases = ["/shared", "/scratch/b"].map(normalizePath);
const use = (words: string): UrlUse => ({
  direction: words.includes("input") ? "input" : "output",
  isFolder: words.includes("folder"),
  bases: words.includes("no claim") ? undefined : bases,
});

describe("refused", () => {
  test.each([
    ["gs://b/x", "output", "the scheme gs is not supported (s3, http, https, ftp, ftps, file are)"],
    ["gs://b/x", "input, no claim", "the scheme gs is not supported (s3, http, https, ftp, ftps, drs are)"],
    ["az://c/x", "input", "the scheme az is not supported"],
    ["drs://host/id", "output", "drs is for inputs only"],
    ["x", "input", "begins with no scheme"],
    ["", "input", "begins with no scheme"],
    ["data:text/plain,x", "input", '"//" is missing after "data:"'],
    [" s3://b/k", "output", "begins with a blank"],
    ["\ts3://b/k", "output", "begins with a blank"],
    ["s3:/b/k", "output", '"//" is missing after "s3:"'],
    [`https://h/${"a".repeat(32_768)}`, "output", "longer than 32768 characters"],
    // S3
    ["s3://brand-new-bucket", "output", "names a bucket and no object in it"],
    ["s3://brand-new-bucket", "input", "names a bucket and no object in it"],
    ["s3://", "output", "names no bucket"],
    ["s3:///k", "output folder", "names no bucket"],
    ["s3://A_/../k", "output", 'key with "." or ".."'],
    ["s3://_a/k", "output", '"_a" is no name of a bucket'],
    ["s3://a b/k", "output", '"a b" is no name of a bucket'],
    ["s3://büro/k", "output", "is no name of a bucket"],
    ["s3://host:9000/b/k", "output", '"host:9000" is no name of a bucket'],
    [`s3://${"b".repeat(256)}/k`, "output", "is no name of a bucket"],
    ["s3://user:secret@b/k", "output", "an s3 URL has no user and password"],
    [`s3://b/${"k".repeat(1025)}`, "output", "its key has 1025 bytes, and at most 1024 are possible"],
    [`s3://b/${"ü".repeat(513)}`, "input", "its key has 1026 bytes"],
    // HTTP
    ["http://", "input", "no URL of the form https://host/path"],
    ["http:///x", "input", "no URL of the form https://host/path"],
    ["https://?a=b", "input", "no URL of the form https://host/path"],
    ["http://h:99999/x", "output", "no URL of the form https://host/path"],
    ["http://h:0/x", "output", "0 is no port"],
    ["http://a b/x", "output", "no URL of the form https://host/path"],
    ["http://u%zz:p@h/x", "output", "user or password"],
    ["https://h/run#1.bam", "input", 'what follows "#" is not sent; in a name it is written %23'],
    ["https://h/a\nb", "input", "line breaks"],
    ["https://h/a ", "output", "blanks at its ends"],
    ["https://h/d?sig=x", "input folder", "cannot be asked for by an http URL with a query"],
    // FTP
    ["ftp:///x", "output", "no URL of the form ftp://host/path"],
    ["ftp://h:70000/x", "output", "70000 is no port"],
    ["ftp://h:0/x", "output", "0 is no port"],
    ["ftp://h:port/x", "output", "no URL of the form ftp://host/path"],
    ["ftp://h /x", "output", "no URL of the form ftp://host/path"],
    ["ftp://h/a%0d%0aDELE%20b", "output", "no names with a line break"],
    ["ftp://u%0aDELE%20b:p@h/a", "output", "no names with a line break"],
    ["ftp://h/a\r\nDELE b", "input", "no names with a line break"],
    ["ftp://h/%zz", "input", '"%"'],
    ["ftp://h", "output", "names a server and no file on it"],
    // DRS
    ["drs://dg.4503:abc", "input", "compact identifiers"],
    ["drs://h:99999/id", "input", "its port is no port"],
    // Files
    ["file:///shared/x", "output, no claim", "this installation shares no files"],
    ["/shared/x", "input, no claim", "this installation shares no files"],
    ["file:///other/x", "output", "not in the folders that tasks may use (/shared, /scratch/b)"],
    ["/sharedx/x", "output", "not in the folders that tasks may use"],
    ["/scratch", "output folder", "not in the folders that tasks may use"],
    ["file:///shared/../etc/passwd", "input", 'a path with ".."'],
    ["file:shared/x", "input", "no URL of the form file:///path"],
    ["file://elsewhere/shared/x", "input", "files of another host"],
    [`/shared/${"n".repeat(256)}`, "output", "a name in a path has at most 255 bytes"],
    [`/shared${"/ü".repeat(1400)}`, "output", "a path has at most 4095 bytes"],
  ])("%p as %s", (url, words, fault) => {
    expect(urlFault(url, use(words))).toStartWith("Cannot be used: ");
    expect(urlFault(url, use(words))).toContain(fault);
  });
});

describe("taken", () => {
  test.each([
    ["s3://b/k", "output"],
    ["S3://b/k", "output"],
    ["s3://B_ig.b-1/k", "output"],
    ["s3://b", "output folder"],
    ["s3://b/", "output"],
    ["s3://b/dir/", "output"],
    ["s3://b/a b #?%zz\n//é@:", "output"],
    [`s3://${"b".repeat(255)}/${"k".repeat(1024)}`, "output"],
    ["https://h", "input"],
    ["https://user:p%40ss@h:8443/a b?x=1&y=%20", "output"],
    ["https://[::1]:9000/bucket/key", "output"],
    // An operator may have given the host to S3, which has folders.
    ["https://h/bucket/dir", "input folder"],
    ["https://h/bucket", "output folder"],
    ["https://h/container/dir?sig=x", "output folder"],
    ["ftp://u:p@h:2121/%2Fdata/a#b?c;type=i", "output"],
    ["ftp://[::1]/x", "input"],
    ["ftps://h/", "output folder"],
    ["drs://host/id", "input"],
    ["file:///shared/a%20b", "output"],
    ["file:/shared/a", "input"],
    ["file://localhost/shared/a", "input"],
    ["/shared//./x", "output"],
    ["/scratch/b", "output folder"],
  ])("%p as %s", (url, words) => {
    expect(urlFault(url, use(words))).toBeUndefined();
  });
});

describe("secrets", () => {
  const secret = "0hNever";
  const urls = [
    `s3://user:${secret}@bucket/key`,
    `s3://${secret}:x@b`,
    `s3://b/k?X-Amz-Signature=${secret}`,
    `https://user:${secret}@h:x/k`,
    `https://user:${secret}@h/k#f`,
    `https://h/k?sig=${secret}#f`,
    `ftp://user:${secret}@h:99999/k`,
    `ftp://user:a/${secret}@h/k`,
    `gs://user:${secret}@b/k?Signature=${secret}`,
    `user:${secret}@h/k`,
    `//user:${secret}@h/k`,
    `file://user:${secret}@h/k`,
    `drs://user:${secret}@h/k`,
  ];
  test.each(urls)("no fault of %p tells it", (url) => {
    for (const words of ["input", "output", "input folder", "output folder, no claim"])
      expect(urlFault(url, use(words)) ?? "").not.toContain(secret);
  });

  test.each(urls)("%p is shown without it", (url) => {
    expect(publicUrl(url)).not.toContain(secret);
  });

  test.each([
    ["s3://b/k?x#y@z", "s3://b/k?x#y@z"],
    ["ftp://user@host/p#1?2", "ftp://host/p#1?2"],
    ["file:///a@b?c#d", "file:///a@b?c#d"],
    ["/a/p@th?x", "/a/p@th?x"],
    ["https://host/@scope/p?x", "https://host/@scope/p"],
    ["https://host:8443/@scope/p", "https://host:8443/@scope/p"],
    ["https://[::1]:80/@scope/p", "https://[::1]:80/@scope/p"],
    ["s3://bucket/a:b@c", "s3://bucket/a:b@c"],
  ])("%p is shown as %p", (url, shown) => {
    expect(publicUrl(url)).toBe(shown);
  });
});
