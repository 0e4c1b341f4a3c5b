// Free: memory that is not left to the collector.

/**
 * Gives the memory of a chunk back at once. The collector, which sees small objects only, would let dozens of megabytes of them
 * pile up. Elsewhere than on Bun a chunk may share its memory with others.
 */
export function free(chunk: Uint8Array<ArrayBufferLike>): void {
  const { buffer } = chunk;
  if (typeof Bun !== "undefined" && buffer instanceof ArrayBuffer && buffer.byteLength === chunk.byteLength)
    buffer.transfer(0);
}
