// ftp URLs taken apart.
import { expect, test } from "bun:test";
import { readFtpUrl } from "../../sidecar/contract/ftp-url.ts";

const plain = { host: "h", port: 21, implicitTls: false, user: undefined, password: undefined, path: "" };

test.each([
  ["ftp://h", plain],
  ["FTP://H/a/b//", { ...plain, path: "a/b" }],
  ["ftp://h:2121/a;type=i", { ...plain, port: 2121, path: "a" }],
  ["ftps://h/%2Fa", { ...plain, port: 990, implicitTls: true, path: "/a" }],
  ["ftp://h//", { ...plain, path: "/" }],
  ["ftp://me@h/a@b:c", { ...plain, user: "me", path: "a@b:c" }],
  ["ftp://me:@h/", { ...plain, user: "me", password: "" }],
  ["ftp://me@example.org:p%40:ss@h/x", { ...plain, user: "me@example.org", password: "p@:ss", path: "x" }],
  ["ftp://[::1]:21/a", { ...plain, host: "::1", path: "a" }],
])("%p", (url, target) => {
  expect(readFtpUrl(url)).toEqual(target);
});

test.each(["ftp://", "ftp:///a", "ftp://h:x/a", "ftp://h:/a", "ftp://[::1/a", "ftp://h:1:2/a", "http://h/a"])(
  "%p is none",
  (url) => {
    expect(readFtpUrl(url)).toEqual({ fault: "it is no URL of the form ftp://host/path" });
  },
);

test("a URL of a million marks is refused, however they are set", () => {
  for (const mark of ["@", ":", "[", "/", "@:", "%"]) {
    const read = readFtpUrl(`ftp://${mark.repeat(1_000_000)}:x`);
    expect(read).toHaveProperty("fault");
  }
});
