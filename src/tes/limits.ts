// Every limit on what a task may ask, in one place; docs/settings.md lists the same figures.

export const limits = {
  /** One request body. 8 MiB of content as JSON with its escapes, and room for the rest. */
  bodyBytesMax: 16 * 1024 * 1024,
  /** `content` of one input, in bytes of UTF-8. The spec asks for at least 128 KiB. */
  contentBytesMax: 1024 * 1024,
  /** All `content` of one task. */
  contentBytesTotalMax: 8 * 1024 * 1024,
  /** Each executor is a container; a pod's status has room for this many. */
  executorsMax: 64,
  inputsMax: 10_000,
  outputsMax: 10_000,
  volumesMax: 256,
  /** Of what is wrong with the files of one task, so many are told. */
  faultsMax: 100,
  tagsMax: 256,
  zonesMax: 64,
  backendParametersMax: 64,
  /** Of cores, or gigabytes. */
  amountMax: 1_000_000_000,
  /** argv and env of one executor, as the kernel counts them (one argument at most 128 KiB). */
  argumentBytesMax: 128 * 1024 - 1,
  /** Filters of one list by tag: each is a join. */
  tagFiltersMax: 32,
  pageSizeMax: 2047,
  pageSizeDefault: 256,
  /** Tasks of one page, as JSON. A page with more ends early; at least one task is always on it. */
  pageBytesMax: 8 * 1024 * 1024,
  idempotencyKeyLengthMax: 255,
  idempotencyHours: 24,
} as const;
