// The test cluster's S3 server as seen from here: put, get, list.
import { Client } from "minio";
import type { S3Server } from "../cluster/cluster.ts";

export interface S3 {
  put(bucket: string, key: string, body: string | Buffer): Promise<void>;
  get(bucket: string, key: string): Promise<Buffer>;
  /** All keys, or those that begin so. */
  keys(bucket: string, prefix?: string): Promise<string[]>;
  /** Keys of uploads in parts that were neither completed nor aborted. */
  unfinished(bucket: string): Promise<string[]>;
  /** Makes the bucket if it is not there. */
  bucket(name: string): Promise<string>;
}

export function connectS3(server: S3Server): S3 {
  const { hostname, port, protocol } = new URL(server.endpointFromHost);
  const client = new Client({
    endPoint: hostname,
    port: Number(port),
    useSSL: protocol === "https:",
    accessKey: server.accessKeyId,
    secretKey: server.secretAccessKey,
    region: server.region,
  });
  return {
    async put(bucket, key, body) {
      await client.putObject(bucket, key, body);
    },
    async get(bucket, key) {
      return Buffer.concat(await Array.fromAsync(await client.getObject(bucket, key)));
    },
    async keys(bucket, prefix = "") {
      const items = await Array.fromAsync(client.listObjectsV2(bucket, prefix, true));
      return items.map((item: { name?: string }) => item.name ?? "").toSorted();
    },
    async unfinished(bucket) {
      for (;;) {
        try {
          const uploads = await Array.fromAsync(client.listIncompleteUploads(bucket, "", true));
          return uploads.map(({ key }) => key);
        } catch (error) {
          // The client asks for the parts of each too, and one may have ended meanwhile.
          if ((error as { code?: string }).code !== "NoSuchUpload") throw error;
        }
      }
    },
    async bucket(name) {
      if (!(await client.bucketExists(name))) await client.makeBucket(name, server.region);
      return name;
    },
  };
}
