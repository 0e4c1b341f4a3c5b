// The API server is away while a task runs and others are created and cancelled: all end as what they are.
import { afterAll, beforeAll, describe, test } from "bun:test";
import type { Deployed } from "../../support/deploy.ts";
import { failing, testMilliseconds } from "../failures/failures.ts";
import { onNode } from "../failures/host-processes.ts";
import { type Away, whileAway } from "../failures/while-away.ts";
import { startStopped, stopApiServer, untilHealthy } from "./daemons.ts";

const apiServer: Away = {
  name: "api-server",
  runSeconds: 20,
  leave: stopApiServer,
  comeBack: () => {
    startStopped();
    return untilHealthy();
  },
  /** All others who need it come back up to as long again after it has: they try ever more rarely. */
  seconds: 30,
  takesPods: false,
};

describe.skipIf(!onNode)(`an API server that is away for ${apiServer.seconds} s`, () => {
  let deployed: Deployed;

  beforeAll(async () => {
    deployed = await failing();
  }, testMilliseconds);

  afterAll(() => apiServer.comeBack(), testMilliseconds);

  test(
    "a task that runs completes meanwhile; those that are created and cancelled meanwhile end when it is back",
    () => whileAway(deployed, apiServer),
    testMilliseconds,
  );
});
