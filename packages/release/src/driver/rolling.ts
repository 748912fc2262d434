import { setTimeout as sleep } from 'node:timers/promises';
import { OpsError, toOpsError } from '@drydock/kit';
import type { HostFolder, Placed } from '../host/folder.ts';
import type { Traffic } from '../proxy/traffic.ts';
import { connectionsTo } from './ask.ts';
import type { LocalInstances } from './instances.ts';
import { freePortBeside, HOST, type Instance, instancesIn, standInOf } from './placed.ts';
import type { Rolling } from './types.ts';

const LOOK_MS = 50;
/** A connection that HAProxy was about to make when it was told another address is seen by then. */
const QUIET_LOOKS = 3;

interface On {
  host: HostFolder;
  instances: LocalInstances;
  traffic: Traffic;
  drainTimeoutMs: number;
}

/**
 * Starts the instances of the version that takes the traffic again, one after the other, with another environment. One more of the same version stands
 * in for each of them meanwhile: HAProxy's server of that instance is told its address. So one instance alone is enough, there are never fewer than
 * before, and an environment that it cannot serve with is seen before anybody meets it. Who stands in is on record before it is started:
 * killed at any point, the next call goes on from there, from whatever checkout.
 */
export class RollingRestart {
  readonly #on: On;
  readonly #env: Record<string, string>;
  readonly #rolling: Rolling;
  #placed: Placed;

  constructor(on: On, placed: Placed, env: Record<string, string>, rolling: Rolling) {
    this.#on = on;
    this.#placed = placed;
    this.#env = env;
    this.#rolling = rolling;
  }

  async run(): Promise<void> {
    const { signal } = this.#rolling;
    try {
      // One that is stood in for carries nothing: it comes first, and what stands in is free for the others.
      const replaced = await this.#replaced();
      const own = [...instancesIn(this.#placed).entries()];
      for (const [i, instance] of own.sort(([a], [b]) => Number(replaced.has(b)) - Number(replaced.has(a)))) {
        signal.throwIfAborted();
        await this.#restart(i, instance, replaced.has(i));
      }
      await this.#dismiss();
    } catch (thrown) {
      // Interrupted: whoever goes on finds it all.
      signal.throwIfAborted();
      throw await this.#ended(thrown);
    }
  }

  async #restart(i: number, instance: Instance, replaced: boolean): Promise<void> {
    const { instances } = this.#on;
    const isFresh = instances.runsWith(instance.name, this.#env);
    if (!isFresh) {
      if (!replaced) {
        await this.#aim(i, await this.#standIn());
        await this.#drained(instance);
      }
      this.#rolling.onLine(`starting ${instance.name} again`);
      await instances.start(this.#placed, this.#env, [instance]);
    }
    await this.#checked(instance);
    if (replaced || !isFresh) await this.#aim(i, instance);
  }

  /** Another process of the version, with the new environment, ready. */
  async #standIn(): Promise<Instance> {
    const { host, instances } = this.#on;
    const there = standInOf(this.#placed);
    if (!there || !instances.runsWith(there.name, this.#env)) {
      if (there) await this.#drained(there);
      this.#placed = { ...this.#placed, beside: await freePortBeside(this.#placed) };
      host.put(this.#placed);
      const standIn = standInOf(this.#placed) as Instance;
      this.#rolling.onLine(`starting ${standIn.name}, which stands in for each that is started again`);
      await instances.start(this.#placed, this.#env, [standIn]);
    }
    const standIn = standInOf(this.#placed) as Instance;
    await this.#checked(standIn);
    return standIn;
  }

  async #checked(instance: Instance): Promise<void> {
    await this.#on.instances.untilReady(this.#placed, this.#rolling, [instance]);
    await this.#rolling.each({ name: instance.name, address: `http://${HOST}:${instance.port}` });
  }

  #aim(i: number, { port }: Instance): Promise<void> {
    return this.#on.traffic.aim(this.#placed, i, { host: HOST, port });
  }

  /** By index: those whose traffic goes to the stand-in. */
  async #replaced(): Promise<Set<number>> {
    const { slot, beside } = this.#placed;
    const targets = await this.#on.traffic.targets(slot);
    return new Set(targets.flatMap(({ port }, i) => (port === beside ? [i] : [])));
  }

  /** Nothing new comes any more: what it has it may finish. */
  async #drained({ port }: Instance): Promise<void> {
    const deadline = Date.now() + this.#on.drainTimeoutMs;
    for (let quiet = 0; quiet < QUIET_LOOKS && Date.now() < deadline; await sleep(LOOK_MS))
      quiet = connectionsTo(port) === 0 ? quiet + 1 : 0;
  }

  async #dismiss(): Promise<void> {
    const standIn = standInOf(this.#placed);
    if (!standIn) return;
    await this.#drained(standIn);
    await this.#on.instances.remove(standIn.name, this.#on.drainTimeoutMs);
    const { beside: _, ...rest } = this.#placed;
    this.#placed = rest;
    this.#on.host.put(rest);
  }

  /** What serves goes on serving; who has what is said. */
  async #ended(thrown: unknown): Promise<OpsError> {
    const { code, message, hint, exit, findings } = toOpsError(thrown);
    const replaced = await this.#replaced();
    if (replaced.size === 0) await this.#dismiss();
    const own = instancesIn(this.#placed);
    const has = (isFresh: boolean) =>
      own.filter(({ name }) => this.#on.instances.runsWith(name, this.#env) === isFresh).map(({ name }) => name);
    const [fresh, old] = [has(true), has(false)];
    const says = [
      fresh.length === 0
        ? 'No instance runs with the new environment'
        : `${they(fresh, 'run')} with the new environment`,
      ...(old.length > 0 ? [`${old.join(', ')} with what ${old.length === 1 ? 'it' : 'they'} had`] : []),
      ...[...replaced].map((i) => `${standInOf(this.#placed)?.name} serves in the place of ${own[i]?.name}`),
    ];
    return new OpsError({
      ...{ code, hint, exit, cause: thrown, findings: [...findings] },
      message: `${message} ${says.join('; ')}.`,
    });
  }
}

function they(names: readonly string[], verb: string): string {
  return `${names.join(', ')} ${verb}${names.length === 1 ? 's' : ''}`;
}
