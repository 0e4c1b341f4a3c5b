// The kubelet is away while tasks run, begin and are cancelled: they end as what they are.
import { afterAll, beforeAll, describe, test } from "bun:test";
import type { Deployed } from "../../support/deploy.ts";
import { failing, testMilliseconds } from "../failures/failures.ts";
import { onNode } from "../failures/host-processes.ts";
import { type Away, whileAway } from "../failures/while-away.ts";
import { freezeKubelet, thawKubelet, untilHealthy } from "./daemons.ts";

const kubelet: Away = {
  name: "kubelet",
  runSeconds: 20,
  leave: freezeKubelet,
  comeBack: thawKubelet,
  /** Longer than it takes the cluster to call the node lost, and shorter than it takes to evict what runs there. */
  seconds: 60,
  takesPods: true,
};

describe.skipIf(!onNode)(`a kubelet that is away for ${kubelet.seconds} s`, () => {
  let deployed: Deployed;

  beforeAll(async () => {
    deployed = await failing();
  }, testMilliseconds);

  afterAll(async () => {
    await kubelet.comeBack();
    await untilHealthy();
  }, testMilliseconds);

  test(
    "a task that runs completes meanwhile; one that is created and one that is cancelled meanwhile end when it is back",
    () => whileAway(deployed, kubelet),
    testMilliseconds,
  );
});
