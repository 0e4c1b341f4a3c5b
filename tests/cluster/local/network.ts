/** The host's side of the pods' network, and its removal with everything that kube-proxy and the kubelet add. */
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Settings } from "../settings.ts";
import { isOnPath, run, tryRun } from "../shell.ts";

type Rule = { table: string; chain: string; match: string[] };

/** Throws if another Kubernetes works on this host: two kube-proxies would undo each other's rules. */
export async function checkPacketFilter(settings: Settings): Promise<void> {
  if (!existsSync(ownershipFile(settings)) && (await savedRules("iptables")).includes(":KUBE-SERVICES ")) {
    throw new Error(
      "Cannot start a local cluster: this host has packet filter chains of another Kubernetes (iptables-save shows " +
        'KUBE-SERVICES); use that one by KUBECONFIG, or, if it is gone, remove its chains: "npm run cluster -- down" ' +
        "does so for a cluster of these tests, run by the user and with the home folder that it was started with",
    );
  }
}

/** Lets pods reach the world, and each other where the host forwards nothing by default (as beside Docker). Idempotent. */
export async function openPodNetwork(settings: Settings): Promise<void> {
  const owned = ownershipFile(settings);
  mkdirSync(dirname(owned), { recursive: true });
  writeFileSync(owned, "");
  writeFileSync("/proc/sys/net/ipv4/ip_forward", "1");
  for (const rule of podRules(settings.podCidr)) {
    const present = await tryRun("iptables", ["-w", "-t", rule.table, "-C", rule.chain, ...rule.match]);
    if (present.code !== 0) {
      await run("iptables", ["-w", "-t", rule.table, "-I", rule.chain, ...rule.match]);
    }
  }
}

/** Takes away what `openPodNetwork` made and what Kubernetes added since. Idempotent; leaves others' chains alone. */
export async function closePodNetwork(settings: Settings): Promise<void> {
  if (!existsSync(ownershipFile(settings)) || !isOnPath("iptables")) {
    return;
  }
  for (const rule of podRules(settings.podCidr)) {
    await tryRun("iptables", ["-w", "-t", rule.table, "-D", rule.chain, ...rule.match]);
  }
  await removeChains(kubernetesChains);
  await removeSets();
  rmSync(ownershipFile(settings));
}

/** Takes away what an enforcer of network policies (kube-router) added. Idempotent; leaves what kube-proxy made. */
export async function removePolicies(): Promise<void> {
  await removeChains(policyChains);
  await removeSets();
}

async function removeChains(prefix: string): Promise<void> {
  for (const family of ["iptables", "ip6tables"] as const) {
    const removal = removalOf(await savedRules(family), prefix);
    if (removal !== "") {
      await run(`${family}-restore`, ["-w", "--noflush"], { input: removal });
    }
  }
}

/** Address sets that policies are made of. */
async function removeSets(): Promise<void> {
  if (!isOnPath("ipset")) {
    return;
  }
  const names = (await tryRun("ipset", ["list", "-name"])).stdout.split("\n");
  for (const name of names.filter((each) => /^(inet6:)?KUBE-(SRC|DST)-/.test(each))) {
    await run("ipset", ["destroy", name]);
  }
}

/** How the names of chains begin, as regular expressions: all of Kubernetes, and those of policies alone. */
export const kubernetesChains = "KUBE-";
export const policyChains = "KUBE-(?:ROUTER|POD-FW|NWPLCY)-";

/**
 * From the output of `iptables-save` makes the input of `iptables-restore --noflush` that removes all chains whose names
 * begin so and what refers to them, each table at one stroke, and touches nothing else. Empty if there is nothing to remove.
 */
export function removalOf(saved: string, prefix: string): string {
  const [declared, jump] = [
    new RegExp(`^:(${prefix}\\S+)`),
    new RegExp(`^-A (?!${prefix}).* -[jg] ${prefix}`),
  ];
  return saved
    .split(/^(?=\*)/m)
    .map((table) => table.split("\n"))
    .filter((lines) => lines.some((line) => declared.test(line)))
    .map((lines) => {
      const name = lines[0] ?? "";
      const chains = lines.flatMap((line) => declared.exec(line)?.[1] ?? []);
      const jumps = lines.filter((line) => jump.test(line));
      return [
        name,
        // Declaring a chain empties it, so that none refers to another when they go.
        ...chains.map((chain) => `:${chain} - [0:0]`),
        ...jumps.map((line) => line.replace(/^-A/, "-D")),
        ...chains.map((chain) => `-X ${chain}`),
        "COMMIT\n",
      ].join("\n");
    })
    .join("");
}

/** There while all chains KUBE-* of this host are ours. */
function ownershipFile(settings: Settings): string {
  return join(settings.stateFolder, "owns-kubernetes-chains");
}

async function savedRules(family: "iptables" | "ip6tables"): Promise<string> {
  return (await tryRun(`${family}-save`, [])).stdout;
}

function podRules(podCidr: string): Rule[] {
  const comment = ["-m", "comment", "--comment", "tespod test cluster"];
  return [
    { table: "filter", chain: "FORWARD", match: ["-s", podCidr, ...comment, "-j", "ACCEPT"] },
    { table: "filter", chain: "FORWARD", match: ["-d", podCidr, ...comment, "-j", "ACCEPT"] },
    {
      table: "nat",
      chain: "POSTROUTING",
      match: ["-s", podCidr, "!", "-d", podCidr, ...comment, "-j", "MASQUERADE"],
    },
  ];
}
