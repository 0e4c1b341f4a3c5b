// Every limit on what a task may ask, in one place; docs/settings.md lists the same figures.

export const limits = {
  /** One request body. 8 MiB of content as JSON with its escapes, and room for the rest. */
  bodyBytesMax: 16 * 1024 * 1024,
  /** Arrays and objects of a body within one another: more than any task has, shallow enough for recursion. */
  depthMax: 16,
  /** Elements and members of all arrays and objects of a body. 10,000 inputs and outputs with all their fields are 150,000. */
  valuesMax: 250_000,
  /** `content` of one input, in bytes of UTF-8. The spec asks for at least 128 KiB. */
  contentBytesMax: 1024 * 1024,
  /** All `content` of one task. */
  contentBytesTotalMax: 8 * 1024 * 1024,
  /** Each executor is a container; a pod's status has room for this many. */
  executorsMax: 64,
  inputsMax: 10_000,
  outputsMax: 10_000,
  volumesMax: 256,
  /** Of what is wrong with one task, so many are told. */
  faultsMax: 100,
  /** Of a fault's path and of its words, as both may hold what the client sent. */
  faultLengthMax: 1024,
  tagsMax: 256,
  tagKeyBytesMax: 1024,
  tagValueBytesMax: 16 * 1024,
  /** Of a task, an input or an output, as its image. */
  nameBytesMax: 1024,
  /** cwl-tes sends the text of a CWL document's `doc`. */
  descriptionBytesMax: 64 * 1024,
  /** More than servers take in a request. Of path_prefix too, which may be longer than any path that it is for. */
  urlLengthMax: 32_768,
  /** All paths of a task: 20,000 of 200 letters. Each of their folders is looked at. */
  pathLengthTotalMax: 4 * 1024 * 1024,
  parameterBytesMax: 4096,
  zonesMax: 64,
  backendParametersMax: 64,
  /** Of cores, or gigabytes. */
  amountMax: 1_000_000_000,
  /** argv and env of one executor, as the kernel counts them (one argument at most 128 KiB). */
  argumentBytesMax: 128 * 1024 - 1,
  /** Uploaded files that a task lists, and the bytes that they take in an answer. */
  filesHeldMax: 50_000,
  fileBytesHeldMax: 4 * 1024 * 1024,
  /** What pods add to system_logs. */
  linesHeldMax: 10_000,
  lineBytesHeldMax: 2 * 1024 * 1024,
  lineLengthMax: 16 * 1024,
  /** stdout and stderr of all executors. */
  tailBytesHeldMax: 16 * 1024 * 1024,
  /** What a pod tells of a task beside that. More cannot be the work of this program. */
  runBytesMax: 16 * 1024 * 1024,
  /** Arguments of one executor; the kernel takes some 100,000 of a few letters each. */
  argumentsMax: 16_384,
  environmentMax: 1024,
  /** Filters of one list by tag: each is a join. */
  tagFiltersMax: 32,
  pageSizeMax: 2047,
  pageSizeDefault: 256,
  /** Tasks of one page, as JSON. A page with more ends early; at least one task is always on it. */
  pageBytesMax: 8 * 1024 * 1024,
  idempotencyKeyLengthMax: 255,
  idempotencyHours: 24,
} as const;
