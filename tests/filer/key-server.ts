// Key server: a stand-in for S3 with Amazon's rules of keys, which MinIO does not have: a key is text and no path, so "a" lies beside
// "a/b", and "d//x" beside "d/x". It takes no request without a signature, and looks at no more of it than its form.
import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import type { S3Settings } from "../../sidecar/filer/storage.ts";

export interface KeyServer extends Disposable {
  readonly settings: S3Settings;
  /** The objects by "bucket/key". Every bucket is there. */
  readonly objects: Map<string, Buffer<ArrayBuffer>>;
}

/** Amazon has 1000; fewer here, so that folders have several pages. */
const PAGE_KEYS_MAX = 5;
const KEY_BYTES_MAX = 1024;

export function startKeyServer(): KeyServer {
  const objects = new Map<string, Buffer<ArrayBuffer>>();
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      const { pathname, searchParams } = new URL(request.url);
      if (!isSigned(request)) return failure(403, "AccessDenied");
      const name = decodeURIComponent(pathname.slice(1));
      const [bucket = "", key = ""] = [name.slice(0, name.indexOf("/")), name.slice(name.indexOf("/") + 1)];
      if (searchParams.has("list-type")) return listing(bucket, searchParams);
      if (bucket === "" || key === "") return failure(400, "InvalidRequest");
      if (Buffer.byteLength(key) > KEY_BYTES_MAX) return failure(400, "KeyTooLongError");
      return request.method === "PUT" ? await put(name, request) : get(name);
    },
  });

  function get(name: string): Response {
    const bytes = objects.get(name);
    if (bytes === undefined) return failure(404, "NoSuchKey");
    return new Response(bytes, { headers: { etag: etagOf(bytes) } });
  }

  async function put(name: string, request: Request): Promise<Response> {
    const bytes = Buffer.from(await request.arrayBuffer());
    const told = request.headers.get("x-amz-checksum-crc32");
    if (told !== null && told !== checksumOf(bytes)) return failure(400, "BadDigest");
    objects.set(name, bytes);
    return new Response(null, {
      headers: { etag: etagOf(bytes), "x-amz-checksum-crc32": checksumOf(bytes) },
    });
  }

  function listing(bucket: string, query: URLSearchParams): Response {
    const [prefix, after] = [query.get("prefix") ?? "", query.get("continuation-token")];
    const keys = [...objects.keys()]
      .filter((name) => name.startsWith(`${bucket}/${prefix}`))
      .map((name) => name.slice(bucket.length + 1))
      .sort((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)));
    const start = after === null ? 0 : keys.indexOf(Buffer.from(after, "hex").toString()) + 1;
    const page = keys.slice(start, start + PAGE_KEYS_MAX);
    const isLast = start + page.length === keys.length;
    const entries = page.map(
      (key) =>
        `<Contents><Key>${encodedKey(key)}</Key><Size>${objects.get(`${bucket}/${key}`)?.length}</Size></Contents>`,
    );
    const token = Buffer.from(page.at(-1) ?? "").toString("hex");
    return new Response(
      `<?xml version="1.0"?><ListBucketResult><EncodingType>url</EncodingType><IsTruncated>${!isLast}</IsTruncated>` +
        `${isLast ? "" : `<NextContinuationToken>${token}</NextContinuationToken>`}${entries.join("")}</ListBucketResult>`,
    );
  }

  return {
    settings: {
      endpoint: `http://127.0.0.1:${server.port}`,
      region: "us-east-1",
      accessKeyId: "test",
      secretAccessKey: "secret",
      sessionToken: undefined,
    },
    objects,
    [Symbol.dispose]: () => void server.stop(true),
  };
}

const isSigned = ({ headers }: Request): boolean =>
  /^AWS4-HMAC-SHA256 Credential=test\/\d{8}\/us-east-1\/s3\/aws4_request, SignedHeaders=[a-z0-9;-]*host[a-z0-9;-]*, Signature=[0-9a-f]{64}$/.test(
    headers.get("authorization") ?? "",
  ) && headers.has("x-amz-date");

const etagOf = (bytes: Buffer): string => `"${createHash("md5").update(bytes).digest("hex")}"`;

function checksumOf(bytes: Buffer): string {
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(bytes));
  return sum.toString("base64");
}

/** As Amazon encodes keys in a listing. */
const encodedKey = (key: string): string =>
  encodeURIComponent(key).replaceAll("%20", "+").replaceAll("%2F", "/");

const failure = (status: number, code: string): Response =>
  new Response(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>${code}</Message></Error>`, {
    status,
  });
