import type { IDeployment } from 'kubernetes-models/apps/v1';
import type { IPodDisruptionBudget } from 'kubernetes-models/policy/v1';
import type { IEnvVar, IPodSpec, IProbe, IService } from 'kubernetes-models/v1';
import type { ReleaseConfig } from '../config.ts';
import type { ImageName, Names } from './names.ts';

/** A version that falls over this soon after its start is not taken for one that runs. */
const SETTLE_SECONDS = 10;
/** Until every node has heard that a pod gets no more requests. */
const PRE_STOP_SECONDS = 5;

const LONGEST_LABEL = 63;

export interface ProductPlace {
  names: Names;
  image: ImageName;
  release: ReleaseConfig;
  readyPath: string;
  env: IEnvVar[];
}

/** A new version beside the old one, which goes only when the new one is ready: no pod less than there should be. */
export function deployment(place: ProductPlace): IDeployment {
  const { names, release, image } = place;
  const labels = {
    ...names.labels,
    ...names.selector,
    ...(image.tag && image.tag.length <= LONGEST_LABEL ? { 'app.kubernetes.io/version': image.tag } : {}),
  };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: names.instance, labels },
    spec: {
      replicas: release.kubernetes.replicas,
      revisionHistoryLimit: release.artifact.keep,
      minReadySeconds: SETTLE_SECONDS,
      progressDeadlineSeconds: seconds(release.app.readyTimeoutMs) + SETTLE_SECONDS + 60,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
      selector: { matchLabels: names.selector },
      template: { metadata: { labels }, spec: pod(place) },
    },
  };
}

function pod({ names, image, release, readyPath, env }: ProductPlace): IPodSpec {
  const { app, kubernetes } = release;
  const { resources, user, writable, port, livePath } = kubernetes;
  const ready = { httpGet: { path: readyPath, port: 'http' } };
  const live: IProbe = livePath ? { httpGet: { path: livePath, port: 'http' } } : { tcpSocket: { port: 'http' } };
  return {
    automountServiceAccountToken: false,
    // Addresses of services come as variables that could pass for the product's.
    enableServiceLinks: false,
    terminationGracePeriodSeconds: PRE_STOP_SECONDS + seconds(app.drainTimeoutMs) + 5,
    topologySpreadConstraints: [
      {
        maxSkew: 1,
        topologyKey: 'kubernetes.io/hostname',
        whenUnsatisfiable: 'ScheduleAnyway',
        labelSelector: { matchLabels: names.selector },
      },
    ],
    securityContext: {
      runAsNonRoot: true,
      runAsUser: user,
      runAsGroup: user,
      fsGroup: user,
      seccompProfile: { type: 'RuntimeDefault' },
    },
    containers: [
      {
        name: 'web',
        image: image.text,
        ports: [{ name: 'http', containerPort: port, protocol: 'TCP' }],
        env: [
          { name: app.portVariable, value: String(port) },
          ...(image.tag ? [{ name: app.versionVariable, value: image.tag }] : []),
          ...env,
        ],
        resources: {
          requests: { cpu: resources.cpu, memory: resources.memory },
          limits: { memory: resources.memoryLimit },
        },
        startupProbe: { ...ready, periodSeconds: 1, timeoutSeconds: 2, failureThreshold: seconds(app.readyTimeoutMs) },
        readinessProbe: { ...ready, periodSeconds: 2, timeoutSeconds: 2, failureThreshold: 2 },
        // Not the ready path: with the database away a pod takes no traffic, and starting it again mends nothing.
        livenessProbe: { ...live, periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 6 },
        lifecycle: { preStop: { sleep: { seconds: PRE_STOP_SECONDS } } },
        securityContext: {
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        },
        volumeMounts: writable.map((mountPath, i) => ({ name: volume(i), mountPath })),
      },
    ],
    volumes: writable.map((_, i) => ({ name: volume(i), emptyDir: {} })),
  };
}

export function service({ names }: ProductPlace): IService {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: names.instance, labels: names.labels },
    spec: {
      selector: names.selector,
      ports: [{ name: 'http', port: 80, targetPort: 'http', protocol: 'TCP' }],
      type: 'ClusterIP',
    },
  };
}

/** A node that is emptied takes one pod at a time; one that is broken already holds nothing up. */
export function disruptionBudget({ names }: ProductPlace): IPodDisruptionBudget {
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name: names.instance, labels: names.labels },
    spec: {
      maxUnavailable: 1,
      unhealthyPodEvictionPolicy: 'AlwaysAllow',
      selector: { matchLabels: names.selector },
    },
  };
}

function seconds(milliseconds: number): number {
  return Math.ceil(milliseconds / 1_000);
}

function volume(at: number): string {
  return `writable-${at}`;
}
