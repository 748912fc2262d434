import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Environment,
  freePort,
  type LoadedConfig,
  listDaemons,
  OpsError,
  startDaemon,
  statePath,
  stopDaemon,
} from '@drydock/kit';
import type { ReleaseConfig } from '../config.ts';
import { Haproxy, type Slot } from '../proxy/haproxy.ts';
import { SlotFile, type SlotInstance } from './slots.ts';
import { type Driver, type Live, UNKNOWN_VERSION } from './types.ts';

const POLL_MS = 50;
const UP_TIMEOUT_MS = 10_000;

function elsewhere({ slot, port }: { slot: Slot; port: number }): SlotInstance {
  return { slot, port, version: UNKNOWN_VERSION, commit: UNKNOWN_VERSION, elsewhere: true };
}

/**
 * Blue/green on this machine: each version is a process of its own behind HAProxy. `inspect` asks the proxy and the
 * process table; nothing is believed from memory.
 */
export class LocalDriver implements Driver<SlotInstance> {
  readonly #config: LoadedConfig;
  readonly #release: ReleaseConfig;
  readonly #environment: Environment;
  readonly #proxy: Haproxy;
  readonly #slots: SlotFile;

  constructor(config: LoadedConfig, release: ReleaseConfig, environment: Environment) {
    this.#config = config;
    this.#release = release;
    this.#environment = environment;
    this.#slots = new SlotFile(config.root, environment.name);
    const { socket, stateFile, backend } = release.proxy;
    this.#proxy = new Haproxy({
      socket: environment.require(socket),
      stateFile: environment.require(stateFile),
      backend,
    });
  }

  async preflight(): Promise<void> {
    await this.#proxy.preflight();
  }

  async inspect(): Promise<Live<SlotInstance>> {
    const slots = this.#slots.read();
    // One that gets traffic and does not pass its check at the moment is live all the same: its slot is not ours to take.
    const enabled = (await this.#proxy.servers()).filter((server) => server.enabled);
    const ours = enabled.find(({ slot, port }) => slots[slot]?.port === port);
    const serving = ours ?? enabled.find(({ up }) => up) ?? enabled[0];
    const idleSlot: Slot = serving?.slot === 'blue' ? 'green' : 'blue';
    const live = ours ? slots[ours.slot] : serving && elsewhere(serving);
    return { live, up: serving?.up ?? false, idle: slots[idleSlot] };
  }

  async isLive(instance: SlotInstance): Promise<boolean> {
    const { slot, port, version } = this.#asStarted(instance);
    const enabled = (await this.#proxy.servers()).filter((server) => server.enabled);
    const alone = enabled.length === 1 && enabled[0]?.slot === slot && enabled[0].port === port;
    return alone && this.#slots.read()[slot]?.version === version;
  }

  async stage(artifact: { version: string; commit: string; folder: string }): Promise<SlotInstance> {
    const { live } = await this.inspect();
    const slot: Slot = live?.slot === 'blue' ? 'green' : 'blue';
    await this.#proxy.setState(slot, 'maint');
    await this.#stopSlot(slot);
    const instance: SlotInstance = { slot, version: artifact.version, commit: artifact.commit, port: await freePort() };
    // Written before the start: a kill in between leaves a slot that the next attempt stops and fills again.
    this.#slots.put(instance);
    await this.#start(instance, artifact.folder);
    return instance;
  }

  /** On a port of its own again: the one that it had may be somebody else's by now. */
  async revive(retired: SlotInstance, folder: string): Promise<void> {
    const instance = { ...retired, port: await freePort() };
    this.#slots.put(instance);
    await this.#start(instance, folder);
  }

  async isRunning(instance: SlotInstance): Promise<boolean> {
    const { slot, version } = instance;
    if (instance.elsewhere) return this.#answers(instance);
    if (this.#slots.read()[slot]?.version !== version) return false;
    return (await listDaemons(this.#config.root)).some(({ name, alive }) => alive && name === this.#nameOf(slot));
  }

  async waitReady(instance: SlotInstance, signal: AbortSignal): Promise<void> {
    const deadline = Date.now() + this.#release.app.readyTimeoutMs;
    while (Date.now() < deadline) {
      if (await this.#answers(instance)) return;
      if (!(await this.isRunning(instance))) break;
      await sleep(POLL_MS, undefined, { signal });
    }
    const said = this.#lastWords(instance.slot);
    throw new OpsError({
      code: 'VERSION_NOT_READY',
      message: `Version ${instance.version} did not become ready in ${this.#environment.name}${said ? `: ${said}` : ''}.`,
      hint: `Read its log: ${this.#logOf(instance.slot)}`,
    });
  }

  async shift(to: SlotInstance): Promise<void> {
    const { slot, port, version } = this.#asStarted(to);
    const other: Slot = slot === 'blue' ? 'green' : 'blue';
    const before = (await this.#proxy.servers()).filter(({ enabled }) => enabled).map((server) => server.slot);
    try {
      await this.#proxy.point(slot, port);
      await this.#proxy.setState(slot, 'ready');
      await this.#untilUp(slot, version);
      await this.#proxy.setState(other, 'drain');
    } catch (error) {
      // Half a switch is none: whoever comes next ends the version that is not the live one.
      if (before.includes(other)) await this.#proxy.setState(other, 'ready', { kept: false });
      if (!before.includes(slot)) await this.#proxy.setState(slot, 'maint', { kept: false });
      throw error;
    }
  }

  async unshift(from: SlotInstance): Promise<void> {
    await this.#proxy.setState(from.slot, 'maint');
  }

  async retire({ slot, version }: SlotInstance): Promise<void> {
    const servers = await this.#proxy.servers();
    const serves = servers.some((server) => server.slot === slot && server.enabled);
    if (serves && !servers.some((server) => server.slot !== slot && server.enabled && server.up))
      throw new OpsError({
        code: 'STILL_SERVING',
        message: `Version ${version} takes the traffic, and no other could: it is not ended.`,
      });
    const deadline = Date.now() + this.#release.app.drainTimeoutMs;
    while ((await this.#proxy.sessions(slot)) > 0 && Date.now() < deadline) await sleep(POLL_MS);
    await this.#proxy.setState(slot, 'maint');
    await this.#stopSlot(slot);
  }

  addressOf(instance: SlotInstance): string {
    return `http://127.0.0.1:${this.#asStarted(instance).port}`;
  }

  placeOf({ slot }: SlotInstance): string {
    return `slot ${slot}`;
  }

  async #start({ slot, version, port }: SlotInstance, folder: string): Promise<void> {
    const { command, portVariable, versionVariable } = this.#release.app;
    const [program = '', ...args] = command;
    await startDaemon(this.#config.root, {
      name: this.#nameOf(slot),
      // The toolkit's own Node, whatever the machine has.
      command: program === 'node' ? process.execPath : program,
      args,
      cwd: folder,
      env: { ...this.#environment.forChild('product'), [portVariable]: String(port), [versionVariable]: version },
      logFile: this.#logOf(slot),
      port,
    });
  }

  async #stopSlot(slot: Slot): Promise<void> {
    await stopDaemon(this.#config.root, this.#nameOf(slot), { graceMs: this.#release.app.drainTimeoutMs });
  }

  /** Where it runs since it was started last. */
  #asStarted(instance: SlotInstance): SlotInstance {
    const found = this.#slots.read()[instance.slot];
    return !instance.elsewhere && found?.version === instance.version ? found : instance;
  }

  async #untilUp(slot: Slot, version: string): Promise<void> {
    const isUp = async () =>
      (await this.#proxy.servers()).some((server) => server.slot === slot && server.enabled && server.up);
    const deadline = Date.now() + UP_TIMEOUT_MS;
    while (!(await isUp())) {
      if (Date.now() > deadline)
        throw new OpsError({
          code: 'VERSION_NOT_UP',
          message: `HAProxy does not see version ${version} as up; traffic stays where it was.`,
        });
      await sleep(POLL_MS);
    }
  }

  async #answers(instance: SlotInstance): Promise<boolean> {
    try {
      const answer = await fetch(new URL(this.#release.app.readyPath, this.addressOf(instance)), {
        signal: AbortSignal.timeout(2_000),
      });
      return answer.ok;
    } catch {
      return false;
    }
  }

  #nameOf(slot: Slot): string {
    return `app-${this.#environment.name}-${slot}`;
  }

  #logOf(slot: Slot): string {
    return join(statePath(this.#config.root, 'releases'), `${this.#nameOf(slot)}.log`);
  }

  #lastWords(slot: Slot): string | undefined {
    return readFileSync(this.#logOf(slot), 'utf8').trim().split('\n').at(-1)?.slice(0, 300);
  }
}
