import { setTimeout as sleep } from 'node:timers/promises';
import { OpsError, toOpsError } from '@drydock/kit';
import type { Deployment, Rolling } from '../driver/types.ts';
import type { Target } from '../proxy/haproxy.ts';
import type { Traffic } from '../proxy/traffic.ts';
import { readyOn } from './sight.ts';
import { BESIDE, type Place, type SwarmSlots } from './slots.ts';
import { isFilledWith } from './spec.ts';
import type { Service } from './types.ts';

interface On {
  slots: SwarmSlots;
  traffic: Traffic;
  /** Requests in flight may take so long. */
  drainTimeoutMs: number;
  untilReady(place: Place, deployment: Deployment): Promise<void>;
}

/**
 * Starts the version that takes the traffic again, with other variables, by a third service that stands in for it: on the machine's own network two
 * instances cannot have one port, so Swarm's own start-first is not to be had. The stand-in holds the same version, on every machine; HAProxy's
 * servers are told its port, the slot's service is updated meanwhile, and they are told back. Nothing of it is in a checkout: killed at
 * any point, the next call sees who serves.
 */
export class SwarmRestart {
  readonly #on: On;
  readonly #deployment: Deployment;
  readonly #env: Record<string, string>;
  readonly #rolling: Rolling;

  constructor(on: On, deployment: Deployment, env: Record<string, string>, rolling: Rolling) {
    this.#on = on;
    this.#deployment = deployment;
    this.#env = env;
    this.#rolling = rolling;
  }

  async run(): Promise<void> {
    const { signal, onLine } = this.#rolling;
    const { slots } = this.#on;
    const { slot } = this.#deployment;
    try {
      const service = (await slots.find(slot)) as Service;
      const isFresh = isFilledWith(service, this.#envAt(slot));
      const standsIn = await this.#share();
      // Killed while they were being told: those that were go back to what still serves.
      if (standsIn === 'some') await this.#aim(slot);
      if (!isFresh) {
        if (standsIn !== 'all') await this.#standIn(service);
        onLine(`starting ${slots.nameOf(slot)} again`);
        await this.#fill(slot, service);
      }
      await this.#checked(slot);
      if (!isFresh || standsIn === 'all') await this.#aim(slot);
      await this.#dismiss();
    } catch (thrown) {
      // Interrupted: whoever goes on finds it all.
      signal.throwIfAborted();
      throw await this.#ended(thrown);
    }
  }

  async #standIn(service: Service): Promise<void> {
    const { slots } = this.#on;
    const there = await slots.find(BESIDE);
    if (!there || !isFilledWith(there, this.#envAt(BESIDE))) {
      this.#rolling.onLine(`starting ${slots.nameOf(BESIDE)}, which stands in while it is started again`);
      await this.#fill(BESIDE, service);
    }
    await this.#checked(BESIDE);
    await this.#aim(BESIDE);
    // HAProxy counts by server, not by where it sends: what came before is given all the time that it may take.
    await sleep(this.#on.drainTimeoutMs, undefined, { signal: this.#rolling.signal });
  }

  /** Where each instance listens is its own variable. */
  #envAt(place: Place): Record<string, string> {
    return this.#on.slots.variablesAt(place, this.#deployment, this.#env);
  }

  async #fill(place: Place, { Spec }: Service): Promise<void> {
    const { ContainerSpec, Placement } = Spec.TaskTemplate;
    const instances = 'Replicated' in Spec.Mode ? Spec.Mode.Replicated.Replicas : 1;
    await this.#on.slots.fill(this.#deployment, instances, {
      ...{ place, image: ContainerSpec.Image, env: this.#envAt(place), constraints: Placement.Constraints ?? [] },
    });
  }

  async #checked(place: Place): Promise<void> {
    await this.#on.untilReady(place, this.#deployment);
    for (const { machine, address } of readyOn(await this.#on.slots.look(place), this.#deployment))
      await this.#rolling.each({ name: `${place} on ${machine.name}`, address });
  }

  /** Each server of the slot, to its machine where it can. */
  async #aim(place: Place): Promise<void> {
    const { slots, traffic } = this.#on;
    const port = slots.portOf(place);
    const ready = readyOn(await slots.look(place), this.#deployment).map(({ machine }) => machine.address);
    for (const [i, { host, enabled }] of (await this.#servers()).entries()) {
      const to = ready.includes(host) ? host : ready[i % ready.length];
      if (enabled && to !== undefined) await traffic.aim(this.#deployment, i, { host: to, port });
    }
  }

  /** Of the traffic, how much goes to the stand-in. */
  async #share(): Promise<'all' | 'some' | 'none'> {
    const enabled = (await this.#servers()).filter((server) => server.enabled);
    const beside = enabled.filter(({ port }) => port === this.#on.slots.portOf(BESIDE)).length;
    return beside === 0 ? 'none' : beside === enabled.length ? 'all' : 'some';
  }

  #servers(): Promise<(Target & { enabled: boolean })[]> {
    return this.#on.traffic.targets(this.#deployment.slot);
  }

  async #dismiss(): Promise<void> {
    const { slots, drainTimeoutMs } = this.#on;
    if (!(await slots.find(BESIDE))) return;
    await sleep(drainTimeoutMs, undefined, { signal: this.#rolling.signal });
    await slots.dismiss();
  }

  /** What serves goes on serving; who has what is said. */
  async #ended(thrown: unknown): Promise<OpsError> {
    const { code, message, hint, exit, findings } = toOpsError(thrown);
    const { slots } = this.#on;
    const { slot } = this.#deployment;
    const standsIn = await this.#share();
    if (standsIn === 'none') await slots.dismiss();
    const service = await slots.find(slot);
    const isFresh = service && isFilledWith(service, this.#envAt(slot));
    const who = isFresh ? `${slots.nameOf(slot)} has the new environment` : 'No instance runs with the new environment';
    const beside = standsIn === 'none' ? '' : `; ${slots.nameOf(BESIDE)} serves in its place`;
    return new OpsError({
      ...{ code, hint, exit, cause: thrown, findings: [...findings] },
      message: `${message} ${who}${beside}.`,
    });
  }
}
