// py-tes against the deployed service: create, wait, every view, list, cancel.
import { describe, expect, test } from "bun:test";
import { expectedRoundTrip, findPyTes } from "../../support/py-tes.ts";
import { cluster, service } from "../../support/service.ts";
import { busybox } from "./tasks.ts";

const { clients, missing } =
  cluster === undefined ? { clients: [], missing: "There is no cluster" } : await findPyTes();

describe.skipIf(missing !== undefined)("py-tes", () => {
  test.each(clients)(
    "$version does a round trip",
    async ({ version, roundTrip }) => {
      const { url } = await service({ namespace: "tespod-py-tes" });
      const path = version.startsWith("0.") ? "/ga4gh/tes" : "";
      expect(await roundTrip(`${url}${path}`, busybox)).toEqual(expectedRoundTrip(version, "tespod"));
    },
    300_000,
  );
});
