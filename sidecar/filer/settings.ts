// Settings: where storage is and as whom it is asked, from the environment, which holds the storage Secrets.
import { type HostLogin, loginFor, parseNetrc } from "./netrc.ts";
import { type S3Settings, StorageError, type StorageSettings } from "./storage.ts";
import { type Environment, s3PlacesIn, webHostsIn } from "./storage-secret.ts";

/**
 * Reads the standard variables of AWS's own tools, S3_ENDPOINTS and HTTP_HOSTS (storage-secret.ts), FTP_TLS (prefer,
 * require), and NETRC: the text of such a file, not its name.
 */
export function storageSettings(environment: Environment): StorageSettings {
  const value = (name: string): string | undefined => environment[name]?.trim() || undefined;
  const tokenFile = value("AWS_WEB_IDENTITY_TOKEN_FILE");
  const s3: S3Settings = {
    endpoint: value("AWS_ENDPOINT_URL_S3") ?? value("AWS_ENDPOINT_URL"),
    region: value("AWS_REGION") ?? value("AWS_DEFAULT_REGION"),
    accessKeyId: value("AWS_ACCESS_KEY_ID"),
    secretAccessKey: value("AWS_SECRET_ACCESS_KEY"),
    sessionToken: value("AWS_SESSION_TOKEN"),
    webIdentity:
      tokenFile === undefined
        ? undefined
        : {
            tokenFile,
            roleArn: value("AWS_ROLE_ARN"),
            sessionName: value("AWS_ROLE_SESSION_NAME"),
            endpoint: value("AWS_ENDPOINT_URL_STS"),
          },
  };
  return {
    s3,
    s3Places: s3PlacesIn(environment, s3),
    webHosts: webHostsIn(environment),
    proxied: ["http_proxy", "https_proxy", "all_proxy"].some(
      (name) => value(name) !== undefined || value(name.toUpperCase()) !== undefined,
    ),
    ...ftpSettings(value("FTP_TLS")),
    loginOn: loginsOf(environment["NETRC"] ?? ""),
  };
}

/** A word that is not known rather requires too much. */
const ftpSettings = (tls: string | undefined): Pick<StorageSettings, "ftp"> =>
  tls === undefined ? {} : { ftp: { tls: tls === "prefer" ? "prefer" : "require" } };

/** Read when it is first asked for: a fault in it is of no matter to tasks that need no login. */
function loginsOf(netrc: string): (host: string) => HostLogin | undefined {
  let logins: HostLogin[] | undefined;
  return (host) => {
    try {
      logins ??= parseNetrc(netrc);
    } catch (error) {
      throw new StorageError("permanent", "NETRC of the storage Secret is not well formed", { cause: error });
    }
    return loginFor(logins, host);
  };
}
