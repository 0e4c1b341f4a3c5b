// Staging: by an init container and by the supervisor, in turn, with an image that takes long to be there.
import type { TesClient } from "../support/tes-client.ts";
import { type Figure, figure } from "./figures.ts";
import { afterPause, runTask } from "./latency.ts";
import type { SlowRegistry } from "./slow-registry.ts";

export interface StagingBench {
  readonly services: readonly { readonly staging: string; readonly tes: TesClient }[];
  readonly registry: SlowRegistry;
  readonly rounds: number;
  /** What is staged, an s3 URL. */
  readonly url: string;
  /** Image and input, in words. */
  readonly what: string;
}

export async function benchStaging({
  services,
  registry,
  rounds,
  url,
  what,
}: StagingBench): Promise<Figure[]> {
  const times = new Map<string, number[]>(services.map(({ staging }) => [staging, []]));
  for (let round = 0; round < rounds; round++) {
    for (const { staging, tes } of services) {
      const image = await registry.image();
      const task = {
        inputs: [{ url, path: "/in/file" }],
        executors: [{ image, command: ["sh", "-c", "exec 3</in/file"] }],
      };
      const { complete } = await afterPause(() => runTask({ tes, name: staging, make: () => task }, round));
      times.get(staging)?.push(complete);
      console.error(`round ${round + 1}/${rounds}: staged by ${staging} ${complete} ms`);
    }
  }
  return [...times].map(([staging, values]) =>
    figure("staging", `${what}, staged by ${staging}: POST → COMPLETE seen`, "ms", values),
  );
}
