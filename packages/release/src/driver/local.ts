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
import { SlotFile } from './slots.ts';
import { type Instance, type Live, UNKNOWN_VERSION } from './types.ts';

const POLL_MS = 50;
const UP_TIMEOUT_MS = 10_000;

function elsewhere({ slot, port }: { slot: Slot; port: number }): Instance {
  return { slot, port, version: UNKNOWN_VERSION, commit: UNKNOWN_VERSION, elsewhere: true };
}

/**
 * Blue/green on this machine: each version is a process of its own behind HAProxy. `inspect` asks the proxy and the
 * process table; nothing is believed from memory.
 */
export class LocalDriver {
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

  async inspect(): Promise<Live> {
    const slots = this.#slots.read();
    const servers = await this.#proxy.servers();
    const ours = servers.find(({ slot, port, enabled }) => enabled && slots[slot]?.port === port);
    const serving = ours ?? servers.find(({ enabled, up }) => enabled && up);
    const idleSlot: Slot = serving?.slot === 'blue' ? 'green' : 'blue';
    const live = ours ? slots[ours.slot] : serving && elsewhere(serving);
    return { live, idle: slots[idleSlot] };
  }

  /** Starts a version in the slot that is not live. It gets no traffic yet. */
  async stage(artifact: { version: string; commit: string; folder: string }): Promise<Instance> {
    const { live } = await this.inspect();
    const slot: Slot = live?.slot === 'blue' ? 'green' : 'blue';
    await this.#proxy.setState(slot, 'maint');
    await this.#stopSlot(slot);
    const instance: Instance = { slot, version: artifact.version, commit: artifact.commit, port: await freePort() };
    // Written before the start: a kill in between leaves a slot that the next attempt stops and fills again.
    this.#slots.put(instance);
    await this.#start(instance, artifact.folder);
    return instance;
  }

  /** Starts a retired version again in the slot it had. */
  async revive(instance: Instance, folder: string): Promise<void> {
    this.#slots.put(instance);
    await this.#start(instance, folder);
  }

  async isRunning(instance: Instance): Promise<boolean> {
    const { slot, version } = instance;
    if (instance.elsewhere) return this.#answers(instance);
    if (this.#slots.read()[slot]?.version !== version) return false;
    return (await listDaemons(this.#config.root)).some(({ name, alive }) => alive && name === this.#nameOf(slot));
  }

  /** Waits until the version says that it can take traffic. */
  async waitReady(instance: Instance, signal: AbortSignal): Promise<void> {
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

  /** Sends new requests to this version and no more to the other one, whose requests in flight go on. */
  async shift(to: Instance): Promise<void> {
    const other: Slot = to.slot === 'blue' ? 'green' : 'blue';
    await this.#proxy.point(to.slot, to.port);
    await this.#proxy.setState(to.slot, 'ready');
    const deadline = Date.now() + UP_TIMEOUT_MS;
    while (!(await this.#isUp(to.slot))) {
      if (Date.now() > deadline) {
        await this.#proxy.setState(to.slot, 'maint');
        throw new OpsError({
          code: 'VERSION_NOT_UP',
          message: `HAProxy does not see version ${to.version} as up; traffic stays where it was.`,
        });
      }
      await sleep(POLL_MS);
    }
    await this.#proxy.setState(other, 'drain');
  }

  /** Takes all traffic from the version again: the undo of a first release, where there is nothing to go back to. */
  async unshift(from: Instance): Promise<void> {
    await this.#proxy.setState(from.slot, 'maint');
  }

  /** Ends a version once it has finished what it was answering; another checkout's gets no traffic, and runs on. */
  async retire(slot: Slot): Promise<void> {
    const deadline = Date.now() + this.#release.app.drainTimeoutMs;
    while ((await this.#proxy.sessions(slot)) > 0 && Date.now() < deadline) await sleep(POLL_MS);
    await this.#proxy.setState(slot, 'maint');
    await this.#stopSlot(slot);
  }

  addressOf({ port }: Instance): string {
    return `http://127.0.0.1:${port}`;
  }

  async #start({ slot, version, port }: Instance, folder: string): Promise<void> {
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

  async #isUp(slot: Slot): Promise<boolean> {
    return (await this.#proxy.servers()).some((server) => server.slot === slot && server.enabled && server.up);
  }

  async #answers(instance: Instance): Promise<boolean> {
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
