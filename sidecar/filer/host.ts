// Host: whether a name server knows it.
import { lookup } from "node:dns/promises";

/** Throws the error of the name server; ENOTFOUND if it says that there is no such host. An address is always known. */
export async function mustBeKnown(host: string): Promise<void> {
  await lookup(host);
}
