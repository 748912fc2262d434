import { setTimeout as sleep } from 'node:timers/promises';
import { OpsError } from '@drydock/kit';
import type { Slot } from '../driver/types.ts';
import type { Haproxy, ServerState, Target } from './haproxy.ts';

const LOOK_MS = 50;
const UP_WITHIN_MS = 10_000;

export function otherThan(slot: Slot): Slot {
  return slot === 'blue' ? 'green' : 'blue';
}

/** What the proxy sends to a slot. */
export interface SlotTraffic {
  slot: Slot;
  /** Some of its servers take new requests, if they pass their check. */
  enabled: boolean;
  /** All of those pass it. */
  up: boolean;
  /** Where these send what they get; of a slot that gets nothing, where all of its servers would. */
  targets: Target[];
}

/** Which of two slots gets the traffic: what every driver with a proxy in front does alike. */
export class Traffic {
  readonly #proxy: Haproxy;

  constructor(proxy: Haproxy) {
    this.#proxy = proxy;
  }

  /** Servers that get new requests, if their check passes. */
  async enabled(): Promise<ServerState[]> {
    return (await this.#proxy.servers()).filter(({ enabled }) => enabled);
  }

  async look(): Promise<Record<Slot, SlotTraffic>> {
    const servers = await this.#proxy.servers();
    const of = (slot: Slot): SlotTraffic => {
      const own = servers.filter((server) => server.slot === slot);
      const taking = own.filter(({ enabled }) => enabled);
      const targets = (taking.length > 0 ? taking : own).map(({ address, port }) => ({ host: address, port }));
      return { slot, enabled: taking.length > 0, up: taking.length > 0 && taking.every(({ up }) => up), targets };
    };
    return { blue: of('blue'), green: of('green') };
  }

  /**
   * New requests go to these targets, and no more to the other slot, whose requests in flight go on. All of it or nothing: what failed
   * half-way is put back.
   */
  async shift(slot: Slot, targets: readonly Target[], version: string): Promise<void> {
    await this.#proxy.refuseAnother();
    const servers = await this.#proxy.servers();
    const own = servers.filter((server) => server.slot === slot);
    this.#proxy.refuseTooFew(servers, slot, targets.length);
    const others = namesOf(servers.filter((server) => server.slot === otherThan(slot)));
    const before = namesOf(servers.filter(({ enabled }) => enabled));
    const aimed = namesOf(own.slice(0, targets.length));
    try {
      await this.#proxy.setState(namesOf(own.slice(targets.length)), 'maint', { kept: false });
      for (const [n, target] of targets.entries()) await this.#proxy.point(aimed[n] as string, target);
      await this.#proxy.setState(aimed, 'ready');
      await this.#untilUp(aimed, version);
      await this.#proxy.setState(others, 'drain');
    } catch (error) {
      // Half a switch is none: whoever comes next ends the version that is not the live one.
      const wasLive = before.filter((name) => others.includes(name));
      if (wasLive.length > 0) await this.#proxy.setState(wasLive, 'ready', { kept: false });
      const wasIdle = namesOf(own).filter((name) => !before.includes(name));
      if (wasIdle.length > 0) await this.#proxy.setState(wasIdle, 'maint', { kept: false });
      throw error;
    }
  }

  /** Where each of a slot's servers sends what it gets, in the order of instances. */
  async targets(slot: Slot): Promise<(Target & { enabled: boolean })[]> {
    const own = (await this.#proxy.servers()).filter((server) => server.slot === slot);
    return own.map(({ address, port, enabled }) => ({ host: address, port, enabled }));
  }

  /** What came to the instance with this index comes to another address from now on; requests in flight go on where they are. */
  async aim({ slot, version }: { slot: Slot; version: string }, i: number, target: Target): Promise<void> {
    await this.#proxy.refuseAnother();
    const server = (await this.#proxy.servers()).filter((each) => each.slot === slot)[i];
    if (!server) return;
    const { name, address, port } = server;
    await this.#proxy.point(name, target);
    try {
      await this.#proxy.keep();
    } catch (error) {
      await this.#proxy.point(name, { host: address, port });
      throw error;
    }
    if (server.enabled) await this.#untilUp([name], version);
  }

  /** No traffic and no checks. */
  async stop(slot: Slot): Promise<void> {
    await this.#proxy.setState(await this.#serversOf(slot), 'maint');
  }

  /** What takes the traffic alone is not ended, whoever asks. */
  async refuseLast(slot: Slot, version: string): Promise<void> {
    const enabled = await this.enabled();
    const serves = enabled.some((server) => server.slot === slot);
    if (serves && !enabled.some((server) => server.slot !== slot && server.up))
      throw new OpsError({
        code: 'STILL_SERVING',
        message: `Version ${version} takes the traffic, and no other could: it is not ended.`,
      });
  }

  /** Waits for the requests that a slot is answering, no longer than it may; then it gets nothing. */
  async drain(slot: Slot, withinMs: number): Promise<void> {
    await this.#proxy.setState(await this.#serversOf(slot), 'drain', { kept: false });
    const deadline = Date.now() + withinMs;
    while ((await this.#proxy.sessions(slot)) > 0 && Date.now() < deadline) await sleep(LOOK_MS);
    await this.stop(slot);
  }

  async #serversOf(slot: Slot): Promise<string[]> {
    return namesOf((await this.#proxy.servers()).filter((server) => server.slot === slot));
  }

  async #untilUp(names: readonly string[], version: string): Promise<void> {
    const areUp = async () => {
      const up = namesOf((await this.enabled()).filter((server) => server.up));
      return names.every((name) => up.includes(name));
    };
    const deadline = Date.now() + UP_WITHIN_MS;
    while (!(await areUp())) {
      if (Date.now() > deadline)
        throw new OpsError({
          code: 'VERSION_NOT_UP',
          message: `HAProxy does not see version ${version} as up; traffic stays where it was.`,
        });
      await sleep(LOOK_MS);
    }
  }
}

function namesOf(servers: readonly ServerState[]): string[] {
  return servers.map(({ name }) => name);
}

export function sameTargets(a: readonly Target[], b: readonly Target[]): boolean {
  const text = (all: readonly Target[]) =>
    all
      .map(({ host, port }) => `${host}:${port}`)
      .sort()
      .join();
  return text(a) === text(b);
}
