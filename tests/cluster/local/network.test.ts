/** The removal of Kubernetes' packet filter chains, on the text of iptables-save. */
import { expect, test } from "bun:test";
import { kubernetesChains, policyChains, removalOf } from "./network.ts";

const others = `*filter
:INPUT ACCEPT [0:0]
:DOCKER - [0:0]
-A INPUT -m comment --comment "about KUBE-SERVICES" -j DOCKER
COMMIT
`;

const ours = `*nat
:PREROUTING ACCEPT [2:120]
:KUBE-SERVICES - [0:0]
:KUBE-SVC-ABC - [0:0]
:DOCKER - [0:0]
-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A PREROUTING -j DOCKER
-A KUBE-SERVICES -d 10.96.0.1/32 -j KUBE-SVC-ABC
COMMIT
`;

const removal = `*nat
:KUBE-SERVICES - [0:0]
:KUBE-SVC-ABC - [0:0]
-D PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-X KUBE-SERVICES
-X KUBE-SVC-ABC
COMMIT
`;

test.each([
  { title: "nothing at all", saved: "", expected: "" },
  { title: "only others' chains", saved: others, expected: "" },
  { title: "a table of ours", saved: ours, expected: removal },
  { title: "a table of others and one of ours", saved: others + ours, expected: removal },
])("$title", ({ saved, expected }) => {
  expect(removalOf(saved, kubernetesChains)).toBe(expected);
});

test("chains of network policies go, and those of kube-proxy in the same table stay", () => {
  const saved = `*filter
:INPUT ACCEPT [0:0]
:KUBE-FORWARD - [0:0]
:KUBE-POD-FW-ABC - [0:0]
:KUBE-ROUTER-INPUT - [0:0]
-A INPUT -m comment --comment "kube-router netpol - X" -j KUBE-ROUTER-INPUT
-A INPUT -j KUBE-FORWARD
-A KUBE-ROUTER-INPUT -s 10.244.0.3/32 -j KUBE-POD-FW-ABC
COMMIT
`;
  expect(removalOf(saved, policyChains)).toBe(`*filter
:KUBE-POD-FW-ABC - [0:0]
:KUBE-ROUTER-INPUT - [0:0]
-D INPUT -m comment --comment "kube-router netpol - X" -j KUBE-ROUTER-INPUT
-X KUBE-POD-FW-ABC
-X KUBE-ROUTER-INPUT
COMMIT
`);
  expect(removalOf(ours, policyChains)).toBe("");
});
