import type { Service, ServiceSpec } from './types.ts';

/** As much as a start may go wrong before it is told: Swarm watches that long whether what it has started goes on running. */
const MONITOR_NS = 1_000_000_000;
/** Between the end of an instance and its next start. */
const RESTART_NS = 2_000_000_000;
const PER_MS = 1_000_000;

export const LABELS = { version: 'drydock.version', commit: 'drydock.commit', digest: 'drydock.digest' } as const;

export interface Wanted {
  name: string;
  labels: Record<string, string>;
  /** `registry/product@sha256:…` */
  image: string;
  /** In place of what the image starts. */
  command?: readonly string[];
  env: Record<string, string>;
  constraints: readonly string[];
}

/**
 * A version in its slot: one instance a machine, each on the machine's own network at the slot's port. (The ports that Swarm itself publishes need IPVS,
 * and hide which instance answers.) A slot that is filled gets no traffic, so its instances are replaced at once; one that ends early
 * pauses the update: Swarm's own way back would leave the version before in the slot, and call it done.
 */
export function serviceSpec(wanted: Wanted & { instances: number; graceMs: number; force: number }): ServiceSpec {
  return {
    ...common(wanted, { Condition: 'any', Delay: RESTART_NS }, wanted.force, wanted.graceMs),
    Mode: { Replicated: { Replicas: wanted.instances } },
    UpdateConfig: { Parallelism: 0, Order: 'stop-first', FailureAction: 'pause', Monitor: MONITOR_NS },
  };
}

/** Are its instances started with these variables, and no others? */
export function isFilledWith({ Spec }: Service, env: Readonly<Record<string, string>>): boolean {
  const own = variablesOf(Spec.TaskTemplate.ContainerSpec.Env);
  return Object.keys({ ...own, ...env }).every((name) => own[name] === env[name]);
}

/** As the engine has them: `NAME=value`. */
export function variablesOf(lines: readonly string[] = []): Record<string, string> {
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
}

/** A command that runs once, somewhere in the swarm. */
export function jobSpec(wanted: Wanted): ServiceSpec {
  return {
    ...common(wanted, { Condition: 'none' }, 0),
    Mode: { ReplicatedJob: { MaxConcurrent: 1, TotalCompletions: 1 } },
  };
}

function common(
  { name, labels, image, command, env, constraints }: Wanted,
  restart: ServiceSpec['TaskTemplate']['RestartPolicy'],
  force: number,
  graceMs?: number,
): Omit<ServiceSpec, 'Mode'> {
  const service = 'Delay' in restart;
  return {
    Name: name,
    Labels: labels,
    TaskTemplate: {
      ContainerSpec: {
        Image: image,
        Labels: labels,
        ...(command ? { Command: [...command] } : {}),
        Env: Object.entries(env).map(([variable, value]) => `${variable}=${value}`),
        ...(graceMs === undefined ? {} : { StopGracePeriod: graceMs * PER_MS }),
        // The first process of a container gets no signal that it does not ask for, and nobody else reaps what it leaves behind.
        Init: true,
      },
      RestartPolicy: restart,
      Placement: { ...(service ? { MaxReplicas: 1 } : {}), Constraints: [...constraints] },
      Networks: [{ Target: 'host' }],
      ForceUpdate: force,
    },
  };
}
