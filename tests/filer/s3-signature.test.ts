// The signature of a request to S3, against the examples that Amazon publishes for Signature Version 4.
import { expect, test } from "bun:test";
import { encodeS3Path, encodeS3Query, signRequest } from "../../sidecar/filer/s3-signature.ts";

const keys = {
  accessKeyId: "AKIAIOSFODNN7EXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
  sessionToken: undefined,
};
const scope = { region: "us-east-1", service: "s3" };
const now = new Date("2013-05-24T00:00:00Z");

test.each([
  {
    title: "GET of a bucket's lifecycle",
    query: { lifecycle: "" },
    signature: "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
  },
  {
    title: "GET of a list",
    query: { "max-keys": "2", prefix: "J" },
    signature: "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
  },
])("$title", ({ query, signature }) => {
  const url = new URL(`https://examplebucket.s3.amazonaws.com/?${encodeS3Query(query)}`);
  const headers = signRequest({ method: "GET", url, headers: {}, body: "" }, keys, scope, now);
  expect(headers["authorization"]).toBe(
    "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, " +
      `SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=${signature}`,
  );
});

test("what S3 is told by x-amz- headers is signed, and so is a session's token; nothing else is", () => {
  const url = new URL("https://host/bucket/key");
  const headers = { range: "bytes=1-", "x-amz-checksum-crc32": "AAAAAA==" };
  const request = { method: "PUT", url, headers, body: new Blob() };
  const signed = signRequest(request, { ...keys, sessionToken: "token" }, scope, now);
  expect(signed["authorization"]).toContain(
    "SignedHeaders=host;x-amz-checksum-crc32;x-amz-content-sha256;x-amz-date;x-amz-security-token,",
  );
  expect(signed).toMatchObject({ range: "bytes=1-", "x-amz-security-token": "token" });
});

test("every byte of a key that could mean something in a URL is encoded, once", () => {
  expect(encodeS3Path("/b/a b+c#d?e%20f[g]'(h)*!ü\n~-._")).toBe(
    "/b/a%20b%2Bc%23d%3Fe%2520f%5Bg%5D%27%28h%29%2A%21%C3%BC%0A~-._",
  );
});
