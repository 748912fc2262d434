import { setTimeout as sleep } from 'node:timers/promises';
import { OpsError } from '@drydock/kit';
import type { Deployment, Slot, StartedWith } from '../driver/types.ts';
import type { Engine } from './engine.ts';
import { addressOf, type Machine, machinesOf } from './nodes.ts';
import { hasEnded, isOf, type Registry, Services } from './services.ts';
import type { Answer, Sight } from './sight.ts';
import { LABELS, serviceSpec, variablesOf, type Wanted } from './spec.ts';
import type { Service } from './types.ts';

const LOOK_MS = 250;
/** Beside what an instance may take to end: Swarm itself waits two seconds, and machines report when they are asked. */
const ENDED_WITHIN_MS = 15_000;

/** One more service of an environment, which serves in the place of a slot's while that is started again. */
export const BESIDE = 'beside';
export type Place = Slot | typeof BESIDE;

/** What an instance is asked, at its address. */
export type AskInstance = (address: string) => Promise<Pick<Answer, 'answers' | 'ready' | 'version'>>;

export interface SlotSettings {
  /** Services are called `shop-staging-blue`. */
  prefix: string;
  ports: Record<Place, number>;
  /** What tells an instance where to listen, and which version it is. */
  variables: { port: string; version: string };
  graceMs: number;
  ask: AskInstance;
}

/** The two services of an environment. All that is known of a version lies in its service: any checkout sees the same. */
export class SwarmSlots {
  readonly #engine: Engine;
  readonly #services: Services;
  readonly #settings: SlotSettings;

  constructor(engine: Engine, registry: Registry, settings: SlotSettings) {
    this.#engine = engine;
    this.#services = new Services(engine, registry);
    this.#settings = settings;
  }

  nameOf(place: Place): string {
    return `${this.#settings.prefix}-${place}`;
  }

  portOf(place: Place): number {
    return this.#settings.ports[place];
  }

  find(place: Place): Promise<Service | undefined> {
    return this.#services.find(this.nameOf(place));
  }

  async deployed(slot: Slot): Promise<Deployment | undefined> {
    const service = await this.find(slot);
    return service && deploymentOf(slot, service);
  }

  /** What an instance of a version gets there. */
  variablesAt(place: Place, { version }: Deployment, variables: Record<string, string>): Record<string, string> {
    const { port, version: versionVariable } = this.#settings.variables;
    return { ...variables, [port]: String(this.portOf(place)), [versionVariable]: version };
  }

  /** Puts a version into a slot and starts its instances, whatever was there; one that is there already is started anew. */
  async fill(
    { slot, version, commit, digest }: Deployment,
    instances: number,
    { place = slot, ...wanted }: Pick<Wanted, 'image' | 'env' | 'constraints'> & { place?: Place },
  ) {
    const labels = { [LABELS.version]: version, [LABELS.commit]: commit, [LABELS.digest]: digest };
    const name = this.nameOf(place);
    await this.#refuseTaken(place);
    await this.#services.put(name, (before) =>
      serviceSpec({
        ...wanted,
        name,
        labels,
        instances,
        graceMs: this.#settings.graceMs,
        force: (before?.Spec.TaskTemplate.ForceUpdate ?? 0) + 1,
      }),
    );
  }

  /** Of what is in the slot: as it was released, its environment with it. Starting counts as another attempt. */
  async scale(place: Place, instances: number): Promise<void> {
    const name = this.nameOf(place);
    if (!(await this.find(place))) return;
    if (instances > 0) await this.#refuseTaken(place);
    await this.#services.put(name, (before) => {
      const { Spec } = before as Service;
      const force = Spec.TaskTemplate.ForceUpdate + (instances > 0 ? 1 : 0);
      return {
        ...Spec,
        TaskTemplate: { ...Spec.TaskTemplate, ForceUpdate: force },
        Mode: { Replicated: { Replicas: instances } },
      };
    });
  }

  /** What stands in; once it has ended, so that the next one finds its port free. */
  async dismiss(): Promise<void> {
    if (!(await this.find(BESIDE))) return;
    await this.scale(BESIDE, 0);
    await this.untilEnded(BESIDE);
    await this.#services.remove(this.nameOf(BESIDE));
  }

  /** Waits until none of a slot's instances runs. Names the machines where one may: those that the managers do not hear from. */
  async untilEnded(place: Place): Promise<Machine[]> {
    const deadline = Date.now() + this.#settings.graceMs + ENDED_WITHIN_MS;
    for (;;) {
      const { tasks, answers } = await this.look(place, { ask: false });
      const left = tasks.filter((task) => task.NodeID && !hasEnded(task));
      const on = answers.map(({ machine }) => machine).filter(({ id }) => left.some(({ NodeID }) => NodeID === id));
      if (on.every(({ up }) => !up) || Date.now() > deadline) return on;
      await sleep(LOOK_MS);
    }
  }

  /**
   * Somebody else's process at a slot's port would be taken for what is about to start there until that has failed: an answer names no version of
   * ours where the product does not say one. So nothing is started on a machine where something answers and nothing of ours runs.
   */
  async #refuseTaken(place: Place): Promise<void> {
    const { tasks, answers } = await this.look(place);
    const ours = new Set(tasks.filter((task) => !hasEnded(task)).map(({ NodeID }) => NodeID));
    const taken = answers.filter(({ machine, answers }) => answers && machine.active && !ours.has(machine.id));
    if (taken.length === 0) return;
    const where = taken.map(({ machine, address }) => `${machine.name} (${address})`).join(' and ');
    throw new OpsError({
      code: 'PORT_TAKEN',
      message: `Another process answers on ${where}, where ${this.nameOf(place)} is to listen: nothing was started.`,
      hint: `Look there what it is: ss -ltnp 'sport = :${this.portOf(place)}'   End it, or set release.swarm.firstPort in drydock.config.ts.`,
    });
  }

  /** By the task that Swarm runs, which never changes: it is given another one. (Into a container its machine alone could look.) */
  async startedWith(place: Place, version: string): Promise<StartedWith[]> {
    const { tasks, answers } = await this.look(place, { ask: false });
    return tasks.flatMap((task): StartedWith[] => {
      const on = answers.find(({ machine }) => machine.id === task.NodeID);
      if (hasEnded(task) || !on || !isOf(task, version)) return [];
      const { name: host, up } = on.machine;
      const env = up && task.Status.State === 'running' ? variablesOf(task.Spec.ContainerSpec.Env) : undefined;
      return [{ instance: `${place}-${task.Slot}`, host, address: on.address, env }];
    });
  }

  async look(place: Place, { ask = true } = {}): Promise<Sight> {
    const service = await this.find(place);
    const [tasks, machines] = await Promise.all([
      service ? this.#services.tasks(this.nameOf(place)) : [],
      machinesOf(this.#engine),
    ]);
    const nothing = { answers: false, ready: false, version: undefined };
    const answers = machines.map(async (machine) => {
      const address = addressOf(machine.address, this.portOf(place));
      return { machine, address, ...(ask ? await this.#settings.ask(address) : nothing) };
    });
    return { service, tasks, answers: await Promise.all(answers) };
  }
}

function deploymentOf(slot: Slot, { Spec }: Service): Deployment {
  const { [LABELS.version]: version = '', [LABELS.commit]: commit = '', [LABELS.digest]: digest = '' } = Spec.Labels;
  return { slot, version, commit, digest };
}
