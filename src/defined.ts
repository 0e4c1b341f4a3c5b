// defined: optional properties that are absent, not undefined.

/** A copy without the keys whose value is undefined. Required properties of T must not be undefined in `value`. */
export function defined<T extends object>(value: { [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as T;
}
