// Who reaches what: the service starts only where the operator has said who may use the API.

interface Access {
  readonly TESPOD_PORT: number;
  readonly TESPOD_INTERNAL_PORT: number;
  readonly TESPOD_AUTH_FILE?: string | undefined;
  readonly TESPOD_AUTH?: "none" | undefined;
}

/** What of it contradicts itself or is missing. */
export function accessFault(env: Access): string | undefined {
  if (env.TESPOD_PORT !== 0 && env.TESPOD_PORT === env.TESPOD_INTERNAL_PORT) {
    return `TESPOD_INTERNAL_PORT="${env.TESPOD_INTERNAL_PORT}": Must differ from TESPOD_PORT, which clients reach`;
  }
  if (env.TESPOD_AUTH_FILE === undefined && env.TESPOD_AUTH === undefined) {
    return `it is not said who may use the API: ${bothWays}`;
  }
  if (env.TESPOD_AUTH_FILE !== undefined && env.TESPOD_AUTH !== undefined) {
    return `TESPOD_AUTH="none" and TESPOD_AUTH_FILE="${env.TESPOD_AUTH_FILE}" contradict each other: ${bothWays}`;
  }
  return undefined;
}

export const bothWays =
  'set TESPOD_AUTH_FILE to a file that names its users, or TESPOD_AUTH="none" to let everybody who reaches it use it';
