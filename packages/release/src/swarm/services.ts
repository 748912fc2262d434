import { OpsError } from '@drydock/kit';
import { type Engine, EngineRefusal } from './engine.ts';
import { LABELS } from './spec.ts';
import type { Service, ServiceSpec, Task } from './types.ts';

/** Another client may change a service between our look and our word; Swarm then refuses ours, and we look again. */
const ATTEMPTS = 5;

export interface Registry {
  /** `X-Registry-Auth`: with it each machine may pull. */
  auth: string | undefined;
}

/** The services of one environment, by name. What a version needs to be started again lies in its service, at the managers. */
export class Services {
  readonly #engine: Engine;
  readonly #registry: Registry;

  constructor(engine: Engine, registry: Registry) {
    this.#engine = engine;
    this.#registry = registry;
  }

  async find(name: string): Promise<Service | undefined> {
    try {
      const service = await this.#engine.get<Service>(`/services/${encodeURIComponent(name)}`);
      if (service.Spec.Labels[LABELS.version] !== undefined) return service;
      throw new OpsError({
        code: 'SWARM_NAME_TAKEN',
        message: `The service ${name} of the swarm was not made by a release.`,
        hint: 'Give the product another name in drydock.config.ts, or remove the service if nobody needs it.',
      });
    } catch (error) {
      if (error instanceof EngineRefusal && error.status === 404) return undefined;
      throw error;
    }
  }

  /** Makes the service as `spec` says, whatever there is. */
  async put(name: string, spec: (before: Service | undefined) => ServiceSpec): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const before = await this.find(name);
      try {
        return await this.#write(before, spec(before));
      } catch (error) {
        const overtaken = error instanceof EngineRefusal && /out of sequence|already exists/.test(error.message);
        if (!overtaken || attempt === ATTEMPTS) throw error;
      }
    }
  }

  async remove(name: string): Promise<void> {
    try {
      await this.#engine.delete(`/services/${encodeURIComponent(name)}`);
    } catch (error) {
      if (!(error instanceof EngineRefusal && error.status === 404)) throw error;
    }
  }

  async named(label: string): Promise<string[]> {
    const found = await this.#engine.get<Service[]>('/services', { filters: JSON.stringify({ label: [label] }) });
    return found.map(({ Spec }) => Spec.Name);
  }

  /** Newest first; those that have ended are kept for a while. */
  async tasks(name: string): Promise<Task[]> {
    const tasks = await this.#engine.get<Task[]>('/tasks', { filters: JSON.stringify({ service: [name] }) });
    return tasks.sort((a, b) => (a.CreatedAt < b.CreatedAt ? 1 : -1));
  }

  async tasksLabelled(label: string): Promise<Task[]> {
    return this.#engine.get<Task[]>('/tasks', { filters: JSON.stringify({ label: [label] }) });
  }

  async #write(before: Service | undefined, spec: ServiceSpec): Promise<void> {
    const { auth } = this.#registry;
    const headers = auth ? { 'X-Registry-Auth': auth } : {};
    if (!before) await this.#engine.post('/services/create', spec, { headers });
    else
      await this.#engine.post(`/services/${before.ID}/update`, spec, {
        headers,
        query: { version: before.Version.Index },
      });
  }
}

const ENDED = new Set(['complete', 'shutdown', 'failed', 'rejected', 'remove', 'orphaned']);

export function hasEnded({ Status }: Task): boolean {
  return ENDED.has(Status.State);
}

/** Swarm wants it to run, or will as soon as what was before it is gone. */
export function isWanted({ DesiredState }: Task): boolean {
  return DesiredState === 'running' || DesiredState === 'ready';
}

export function isOf({ Spec }: Task, version: string): boolean {
  return Spec.ContainerSpec.Labels?.[LABELS.version] === version;
}
