// OIDC: a stand-in for the issuer of a cluster's service account tokens, which MinIO asks for its keys.
import { generateKeyPairSync, sign } from "node:crypto";

export interface Issuer extends Disposable {
  /** What makes a MinIO believe it. */
  environment: Record<string, string>;
  /** A token by which its bearer has MinIO's policy of that name. */
  token(policy: string): string;
}

const CLIENT = "tespod";

export function startIssuer(): Issuer {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const keys = [{ ...publicKey.export({ format: "jwk" }), kid: "1", alg: "RS256", use: "sig" }];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request) => {
      const issuer = new URL(request.url).origin;
      if (request.url.endsWith("/keys")) return Response.json({ keys });
      return Response.json({
        issuer,
        jwks_uri: `${issuer}/keys`,
        authorization_endpoint: `${issuer}/none`,
        token_endpoint: `${issuer}/none`,
        response_types_supported: ["id_token"],
        subject_types_supported: ["public"],
        id_token_signing_alg_values_supported: ["RS256"],
      });
    },
  });
  const issuer = `http://127.0.0.1:${server.port}`;
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  return {
    environment: {
      MINIO_IDENTITY_OPENID_CONFIG_URL: `${issuer}/.well-known/openid-configuration`,
      MINIO_IDENTITY_OPENID_CLIENT_ID: CLIENT,
      MINIO_IDENTITY_OPENID_CLAIM_NAME: "policy",
    },
    token: (policy) => {
      const now = Math.floor(Date.now() / 1000);
      const claims = { iss: issuer, sub: "a task", aud: CLIENT, iat: now, exp: now + 3600, policy };
      const text = `${part({ alg: "RS256", kid: "1", typ: "JWT" })}.${part(claims)}`;
      return `${text}.${sign("sha256", Buffer.from(text), privateKey).toString("base64url")}`;
    },
    [Symbol.dispose]: () => void server.stop(true),
  };
}
