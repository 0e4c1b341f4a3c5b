// File URL: what of the addresses of inputs and outputs is a path of the shared file system.

/** file:///a/b, file:/a/b (RFC 8089, as Java writes it), file://host/a/b, or a bare absolute path. */
export const isFileUrl = (url: string): boolean => url.startsWith("/") || /^file:\//i.test(url);
