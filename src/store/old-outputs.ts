// Which records of earlier versions have their lists of uploaded files moved to rows of their own.

/** What is shorter stays where it is, and most tasks as they are. */
export const longBytesMin = 64 * 1024;
/** What is longer would take more memory than a service may have; its task is given up when it is looked at. */
export const oldBytesMax = 64 * 1024 * 1024;
