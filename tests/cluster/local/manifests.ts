/** The Kubernetes objects every local cluster has from the start. */
import type { Settings } from "../settings.ts";

/** Namespace of the storage provisioner and its helper pods. */
export const storageNamespace = "local-path-storage";

/** ConfigMap with the provisioner's scripts. */
export const storageConfigMap = "local-path-config";

/** The default StorageClass and the Service `kube-dns`, to be applied as often as one likes. */
export function baseManifests(settings: Settings): object {
  return { apiVersion: "v1", kind: "List", items: [...storage(), ...dns(settings)] };
}

function storage(): object[] {
  const namespace = storageNamespace;
  return [
    { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } },
    {
      apiVersion: "v1",
      kind: "ServiceAccount",
      metadata: { name: "local-path-provisioner-service-account", namespace },
    },
    {
      apiVersion: "storage.k8s.io/v1",
      kind: "StorageClass",
      metadata: {
        name: "local-path",
        annotations: { "storageclass.kubernetes.io/is-default-class": "true" },
      },
      provisioner: "rancher.io/local-path",
      volumeBindingMode: "WaitForFirstConsumer",
    },
    {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: storageConfigMap, namespace },
      data: {
        setup: '#!/bin/sh\nset -eu\nmkdir -m 0777 -p "$VOL_DIR"\n',
        teardown: '#!/bin/sh\nset -eu\nrm -rf "$VOL_DIR"\n',
      },
    },
  ];
}

/** A Service with no selector: its one endpoint is a process of the host, not a pod. */
function dns(settings: Settings): object[] {
  const metadata = { name: "kube-dns", namespace: "kube-system" };
  const ports = ["UDP", "TCP"].map((protocol) => ({
    name: `dns-${protocol.toLowerCase()}`,
    protocol,
    port: 53,
    targetPort: settings.ports.dns,
  }));
  return [
    { apiVersion: "v1", kind: "Service", metadata, spec: { clusterIP: settings.dnsIp, ports } },
    {
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: { ...metadata, labels: { "kubernetes.io/service-name": metadata.name } },
      addressType: "IPv4",
      ports: ports.map(({ name, protocol, targetPort }) => ({ name, protocol, port: targetPort })),
      endpoints: [{ addresses: [settings.nodeIp], conditions: { ready: true } }],
    },
  ];
}
