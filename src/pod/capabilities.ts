// What root may do in the executors' containers.
import type { V1SecurityContext } from "@kubernetes/client-node";
import type { PodSettings } from "./settings.ts";

/** What container runtimes give root, one more or less. Any other is a way out of the container, or to its neighbours. */
export const knownCapabilities = [
  "AUDIT_WRITE",
  "CHOWN",
  "DAC_OVERRIDE",
  "FOWNER",
  "FSETID",
  "KILL",
  "MKNOD",
  "NET_BIND_SERVICE",
  "NET_RAW",
  "SETFCAP",
  "SETGID",
  "SETPCAP",
  "SETUID",
  "SYS_CHROOT",
] as const;
export type Capability = (typeof knownCapabilities)[number];

/**
 * What apt, rpm, su, sudo, useradd, tar and chown were seen to need: rpm fails over a package whose programs have capabilities
 * of their own without SETFCAP, and these then count for nothing, as no program gains privileges here. With NET_RAW an executor
 * would read and forge what the supervisor sends from the same network.
 */
export const usualCapabilities: readonly Capability[] = [
  "CHOWN",
  "DAC_OVERRIDE",
  "FOWNER",
  "FSETID",
  "KILL",
  "SETFCAP",
  "SETGID",
  "SETUID",
];

export const executorSecurity = ({
  executorCapabilities: add,
}: Pick<PodSettings, "executorCapabilities">): V1SecurityContext => ({
  allowPrivilegeEscalation: false,
  capabilities: { drop: ["ALL"], ...(add.length === 0 ? {} : { add: [...add] }) },
});
