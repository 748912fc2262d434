import type { INetworkPolicy, INetworkPolicyEgressRule } from 'kubernetes-models/networking.k8s.io/v1';
import type { ReleaseConfig } from '../config.ts';
import type { Names } from './names.ts';

/** Only its own port is open, to those who may; it reaches names, and the ports of what its variables lead to. */
export function productPolicy(names: Names, release: ReleaseConfig, ports: number[]): INetworkPolicy {
  const { from, port } = release.kubernetes;
  const peers = from.map(({ namespace, pods }) => ({
    ...(namespace ? { namespaceSelector: { matchLabels: namespace } } : {}),
    ...(pods ? { podSelector: { matchLabels: pods } } : {}),
  }));
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: names.instance, labels: names.labels },
    spec: {
      podSelector: { matchLabels: names.selector },
      policyTypes: ['Ingress', 'Egress'],
      ingress: [{ from: peers.length > 0 ? peers : [{ namespaceSelector: {} }], ports: [{ port, protocol: 'TCP' }] }],
      egress: egress(ports),
    },
  };
}

/** Nobody reaches what works on the database for us. */
export function jobPolicy(
  names: Names,
  job: { name: string; labels: Record<string, string> },
  ports: number[],
): INetworkPolicy {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: job.name, labels: names.labels },
    spec: {
      podSelector: { matchLabels: job.labels },
      policyTypes: ['Ingress', 'Egress'],
      ingress: [],
      egress: egress(ports),
    },
  };
}

function egress(ports: number[]): INetworkPolicyEgressRule[] {
  return [
    {
      ports: [
        { port: 53, protocol: 'UDP' },
        { port: 53, protocol: 'TCP' },
      ],
    },
    { ports: ports.map((port) => ({ port, protocol: 'TCP' as const })) },
  ];
}
