// The logger: one line of JSON per fact, on stderr.

type Fields = Readonly<Record<string, unknown>>;

export interface Logger {
  info(message: string, fields?: Fields): void;
  warn(message: string, fields?: Fields): void;
  error(message: string, fields?: Fields): void;
}

/** Errors become their message and those of their causes: stacks are for programmers, and long. */
const readable = (value: unknown): unknown => {
  if (!(value instanceof Error)) return value;
  return value.cause === undefined ? value.message : `${value.message}: ${readable(value.cause)}`;
};

export function createLogger(write: (line: string) => void, clock: () => Date): Logger {
  const at =
    (level: string) =>
    (message: string, fields: Fields = {}) => {
      const entries = Object.entries(fields).map(([key, value]) => [key, readable(value)]);
      write(
        `${JSON.stringify({ time: clock().toISOString(), level, message, ...Object.fromEntries(entries) })}\n`,
      );
    };
  return { info: at("info"), warn: at("warn"), error: at("error") };
}
