// Who stages inputs: the services that tests with inputs run on, each in turn.
import type { Deployed } from "../../support/deploy.ts";
import { service } from "../../support/service.ts";

/** Who may stage inputs: what has inputs is tested with both. */
export const stagings = ["init", "supervisor"] as const;

/** A service whose tasks' inputs are staged by the one or the other. */
export const stagedBy = (staging: (typeof stagings)[number]): Promise<Deployed> =>
  service({ namespace: `tespod-exec-${staging}`, settings: { TESPOD_STAGING: staging } });
