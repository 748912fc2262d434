import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { checkHealth } from '@drydock/health';
import {
  type Environment,
  exec,
  freePort,
  type LoadedConfig,
  listDaemons,
  makeStateFolder,
  OpsError,
  startDaemon,
  statePath,
  stopDaemon,
} from '@drydock/kit';
import { artifactStore } from '../artifact/store.ts';
import type { Artifact } from '../artifact/types.ts';
import type { ReleaseConfig } from '../config.ts';
import { Haproxy } from '../proxy/haproxy.ts';
import { otherThan, Traffic } from '../proxy/traffic.ts';
import type { Question } from '../question.ts';
import { followed } from './log.ts';
import { type Placed, SlotFile } from './slots.ts';
import {
  type Deployment,
  type Driver,
  type Found,
  type InstanceState,
  type Progress,
  type RunOnce,
  type Slot,
  UNKNOWN_VERSION,
} from './types.ts';

const POLL_MS = 50;

function unknown(slot: Slot): Deployment {
  return { slot, version: UNKNOWN_VERSION, commit: UNKNOWN_VERSION, digest: UNKNOWN_VERSION };
}

/** What a journal may keep of it. */
function deployed({ slot, version, commit, digest }: Deployment): Deployment {
  return { slot, version, commit, digest };
}

/**
 * Blue/green on this machine: each version is a process of its own behind HAProxy. `inspect` asks the proxy and the
 * process table; nothing is believed from memory.
 */
export class LocalDriver implements Driver {
  readonly #config: LoadedConfig;
  readonly #release: ReleaseConfig;
  readonly #environment: Environment;
  readonly #slots: SlotFile;

  constructor(config: LoadedConfig, release: ReleaseConfig, environment: Environment) {
    this.#config = config;
    this.#release = release;
    this.#environment = environment;
    this.#slots = new SlotFile(config.root, environment.name);
  }

  /** Made when it is asked: that a variable is missing is the answer to a question. */
  get #proxy(): Haproxy {
    const { socket, stateFile, backend } = this.#release.proxy;
    const variable = (name: string) => this.#environment.require(name);
    return new Haproxy({ socket: variable(socket), stateFile: variable(stateFile), backend });
  }

  get #traffic(): Traffic {
    return new Traffic(this.#proxy);
  }

  questions(): Question[] {
    return [{ about: 'proxy', ask: async () => this.#proxy.preflight() }];
  }

  async inspect(): Promise<Found> {
    const slots = this.#slots.read();
    // One that gets traffic and does not pass its check at the moment is live all the same: its slot is not ours to take.
    const enabled = await this.#traffic.enabled();
    const ours = enabled.find(({ slot, port }) => slots[slot]?.port === port);
    const serving = ours ?? enabled.find(({ up }) => up) ?? enabled[0];
    const placed = ours && slots[ours.slot];
    const live = placed ? deployed(placed) : serving && unknown(serving.slot);
    const idle = slots[serving?.slot === 'blue' ? 'green' : 'blue'];
    return { live, up: serving?.up ?? false, idle: idle && deployed(idle) };
  }

  async isLive(deployment: Deployment): Promise<boolean> {
    const enabled = await this.#traffic.enabled();
    const alone = enabled.length === 1 && enabled[0]?.slot === deployment.slot;
    return alone && enabled[0]?.port === (await this.#portOf(deployment)) && this.#isPlaced(deployment);
  }

  async stage(artifact: Artifact, { signal }: Progress): Promise<Deployment> {
    await this.#unpack(artifact, signal);
    const { live } = await this.inspect();
    const slot: Slot = live ? otherThan(live.slot) : 'blue';
    await this.#traffic.stop(slot);
    await this.#stopSlot(slot);
    const { version, commit, digest } = artifact;
    const placed: Placed = { slot, version, commit, digest, port: await freePort() };
    // Written before the start: a kill in between leaves a slot that the next attempt stops and fills again.
    this.#slots.put(placed);
    await this.#start(placed);
    return deployed(placed);
  }

  /** On a port of its own again: the one that it had may be somebody else's by now. */
  async revive(retired: Deployment): Promise<void> {
    const placed = { ...retired, port: await freePort() };
    this.#slots.put(placed);
    await this.#start(placed);
  }

  async isRunning(deployment: Deployment): Promise<boolean> {
    if (deployment.version === UNKNOWN_VERSION) return this.#answers(deployment);
    if (!this.#isPlaced(deployment)) return false;
    const name = this.#nameOf(deployment.slot);
    return (await listDaemons(this.#config.root)).some((daemon) => daemon.alive && daemon.name === name);
  }

  async instances(deployment: Deployment): Promise<InstanceState[]> {
    const [running, ready] = [await this.isRunning(deployment), await this.#answers(deployment)];
    const [address = ''] = await this.addressesOf(deployment);
    const said = await checkHealth(this.#config, this.#environment, address).then(
      ({ version }) => version,
      () => undefined,
    );
    return [{ name: `${deployment.slot}-1`, running, ready, version: said, restarts: undefined, detail: address }];
  }

  async waitReady(instance: Deployment, { signal }: Progress): Promise<void> {
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

  async shift(to: Deployment): Promise<void> {
    await this.#traffic.shift(to.slot, [{ host: '127.0.0.1', port: await this.#portOf(to) }], to.version);
  }

  async unshift(from: Deployment): Promise<void> {
    await this.#traffic.stop(from.slot);
  }

  async retire({ slot, version }: Deployment): Promise<void> {
    await this.#traffic.refuseLast(slot, version);
    await this.#traffic.drain(slot, this.#release.app.drainTimeoutMs);
    await this.#stopSlot(slot);
  }

  async addressesOf(deployment: Deployment): Promise<string[]> {
    return [`http://127.0.0.1:${await this.#portOf(deployment)}`];
  }

  placeOf({ slot }: Deployment): string {
    return `slot ${slot}`;
  }

  logs({ slot }: Deployment, options: { lines: number; follow: boolean; signal: AbortSignal }): AsyncIterable<string> {
    return followed(this.#logOf(slot), options);
  }

  async runOnce(artifact: Artifact, command: string[], { env, signal, onLine }: RunOnce): Promise<void> {
    const cwd = await this.#unpack(artifact, signal);
    const [program = '', ...args] = command;
    await exec(program === 'node' ? process.execPath : program, args, {
      cwd,
      env: { ...this.#environment.forChild('product'), ...env },
      signal,
      onLine,
    });
  }

  /** Of this environment alone: an environment's versions are unpacked fresh. */
  #folderOf(version: string): string {
    return join(makeStateFolder(this.#config.root, 'releases', this.#environment.name), version);
  }

  async #unpack(artifact: Artifact, signal: AbortSignal): Promise<string> {
    const folder = this.#folderOf(artifact.version);
    await artifactStore(this.#config, this.#environment).unpack(artifact, folder, signal);
    return folder;
  }

  async #start({ slot, version, port }: Placed): Promise<void> {
    const { command, portVariable, versionVariable } = this.#release.app;
    const [program = '', ...args] = command;
    await startDaemon(this.#config.root, {
      name: this.#nameOf(slot),
      // The toolkit's own Node, whatever the machine has.
      command: program === 'node' ? process.execPath : program,
      args,
      cwd: this.#folderOf(version),
      env: { ...this.#environment.forChild('product'), [portVariable]: String(port), [versionVariable]: version },
      logFile: this.#logOf(slot),
      port,
    });
  }

  async #stopSlot(slot: Slot): Promise<void> {
    await stopDaemon(this.#config.root, this.#nameOf(slot), { graceMs: this.#release.app.drainTimeoutMs });
  }

  #isPlaced({ slot, version }: Deployment): boolean {
    return this.#slots.read()[slot]?.version === version;
  }

  /** Where it listens since it was started last; of one that we did not start, where the proxy sends its traffic. */
  async #portOf(deployment: Deployment): Promise<number> {
    const placed = this.#slots.read()[deployment.slot];
    if (placed?.version === deployment.version) return placed.port;
    const servers = await this.#proxy.servers();
    return servers.find(({ slot }) => slot === deployment.slot)?.port ?? 0;
  }

  async #answers(deployment: Deployment): Promise<boolean> {
    const [address = ''] = await this.addressesOf(deployment);
    try {
      const answer = await fetch(new URL(this.#release.app.readyPath, address), {
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
