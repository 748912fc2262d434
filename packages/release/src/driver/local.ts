import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { command, type Environment, exec, type LoadedConfig, OpsError } from '@drydock/kit';
import { artifactStore } from '../artifact/store.ts';
import type { Artifact } from '../artifact/types.ts';
import type { ReleaseConfig } from '../config.ts';
import { type HostFolder, hostFolder, type Placed } from '../host/folder.ts';
import { configuredNode, keptNode } from '../host/node.ts';
import { VersionEnvironments } from '../host/versions.ts';
import type { Haproxy } from '../proxy/haproxy.ts';
import { readMaintenance, writeMaintenance } from '../proxy/maintenance.ts';
import { proxyOf } from '../proxy/of.ts';
import { otherThan, type SlotTraffic, Traffic } from '../proxy/traffic.ts';
import type { Question } from '../question.ts';
import { questionsOfHost } from './host-questions.ts';
import { LocalInstances } from './instances.ts';
import { linesOf } from './log.ts';
import { freePorts, isWhere, targetsIn } from './placed.ts';
import { RollingRestart } from './rolling.ts';
import {
  type Deployment,
  type Driver,
  type Found,
  type InstanceState,
  type Kept,
  type Maintenance,
  type Progress,
  type Rolling,
  type RunOnce,
  SLOTS,
  type Slot,
  type StartedWith,
  UNKNOWN_VERSION,
  unknownIn,
} from './types.ts';
import { restartWarm } from './warm.ts';

/** What a journal may keep of it. */
function deployed({ slot, version, commit, digest }: Deployment): Deployment {
  return { slot, version, commit, digest };
}

/**
 * Blue/green on this machine: a version is one or more processes of its own, kept by runit, behind HAProxy. Which slot is live,
 * the proxy says; what lies in it, the host: nothing is believed from memory, and nothing of it is a checkout's.
 */
export class LocalDriver implements Driver {
  readonly #config: LoadedConfig;
  readonly #release: ReleaseConfig;
  readonly #environment: Environment;

  constructor(config: LoadedConfig, release: ReleaseConfig, environment: Environment) {
    this.#config = config;
    this.#release = release;
    this.#environment = environment;
  }

  /** These three are made when they are asked for: that a variable is missing is the answer to a question. */
  get #proxy(): Haproxy {
    return proxyOf(this.#config, this.#environment);
  }
  get #traffic(): Traffic {
    return new Traffic(this.#proxy);
  }
  get #host(): HostFolder {
    return hostFolder(this.#config, this.#release, this.#environment);
  }
  get #instances(): LocalInstances {
    return new LocalInstances(this.#config, this.#release, this.#environment, this.#host);
  }

  questions(): Question[] {
    return questionsOfHost(this.#config, this.#release, this.#environment);
  }

  async inspect(): Promise<Found> {
    const traffic = await this.#traffic.look();
    const [first, ...rest] = SLOTS.map((slot) => ({ ...traffic[slot], placed: this.#placedThere(slot, traffic[slot]) }))
      .filter(({ enabled }) => enabled)
      // With both of them on, in the middle of a switch, the one that was there before is live.
      .sort((a, b) => ((a.placed?.placedAt ?? '') < (b.placed?.placedAt ?? '') ? -1 : 1));
    // One that gets traffic and does not pass its check at the moment is live all the same: its slot is not ours to take.
    const live = first && !first.up && rest[0]?.up && !rest[0].placed ? rest[0] : first;
    const idle = this.#host.placed(live ? otherThan(live.slot) : 'green');
    return {
      live: live && (live.placed ? deployed(live.placed) : unknownIn(live.slot)),
      up: live?.up ?? false,
      idle: idle && deployed(idle),
    };
  }

  async isLive(deployment: Deployment): Promise<boolean> {
    const placed = this.#placed(deployment);
    if (!placed) return false;
    const { [deployment.slot]: own, [otherThan(deployment.slot)]: other } = await this.#traffic.look();
    return own.enabled && !other.enabled && isWhere(placed, own.targets);
  }

  async isRunning(deployment: Deployment): Promise<boolean> {
    const placed = this.#placed(deployment);
    if (placed) return this.#instances.allRun(placed);
    if (deployment.version !== UNKNOWN_VERSION) return false;
    return (await this.instances(deployment)).every(({ ready }) => ready);
  }

  async instances(deployment: Deployment): Promise<InstanceState[]> {
    const placed = this.#placed(deployment);
    if (placed) return this.#instances.states(placed);
    const { [deployment.slot]: traffic } = await this.#traffic.look();
    return deployment.version === UNKNOWN_VERSION ? this.#instances.strangers(deployment, traffic.targets) : [];
  }

  async stage(artifact: Artifact, { signal, onLine, asReleased = false }: Progress & Kept): Promise<Deployment> {
    const { live } = await this.inspect();
    const slot: Slot = live?.slot === 'blue' ? 'green' : 'blue';
    const host = this.#host;
    const before = host.placed(slot);
    await this.#traffic.stop(slot);
    await this.#instances.end(slot, this.#release.app.drainTimeoutMs);
    const files = `${artifact.version}-${randomBytes(4).toString('hex')}`;
    const { instances } = this.#release.local;
    const placed: Placed = {
      slot,
      version: artifact.version,
      commit: artifact.commit,
      digest: artifact.digest,
      ports: await freePorts(instances, before?.ports ?? []),
      files,
      placedAt: new Date().toISOString(),
    };
    // Written before the start: a kill in between leaves a slot that the next attempt ends and fills again.
    host.put(placed);
    onLine(`unpacking ${artifact.version}`);
    await this.#unpack(artifact, host.filesOf(slot, files), signal);
    for (const name of await readdir(host.filesOf(slot)))
      if (name !== files) await rm(host.filesOf(slot, name), { recursive: true, force: true });
    const env = await this.#environmentOf(artifact, asReleased);
    onLine(`starting ${instances} ${instances === 1 ? 'instance' : 'instances'} in slot ${slot}`);
    await this.#instances.start(placed, env);
    return deployed(placed);
  }

  /** Where its port has become somebody else's, on another one. */
  async revive(retired: Deployment, { onLine }: Progress): Promise<void> {
    const placed = this.#placed(retired);
    const env = placed && (await this.#environments.asReleased(placed.version));
    if (!placed || !env || !existsSync(this.#host.filesOf(placed.slot, placed.files)))
      throw new OpsError({
        code: 'VERSION_NOT_THERE',
        message: `Version ${retired.version} does not lie in slot ${retired.slot} of this host any more.`,
        hint: command('release:history'),
      });
    if (this.#instances.allRun(placed)) return;
    await this.#instances.end(placed.slot, this.#release.app.drainTimeoutMs);
    const ports = await freePorts(placed.ports.length, placed.ports);
    const again = { ...placed, ports, beside: undefined, restarting: undefined };
    this.#host.put(again);
    onLine(`starting version ${placed.version} in slot ${placed.slot} again`);
    await this.#instances.start(again, env);
  }

  async restart(deployment: Deployment, rolling: Rolling): Promise<void> {
    const placed = this.#placed(deployment);
    if (!placed) return;
    const [host, instances, traffic, environments] = [this.#host, this.#instances, this.#traffic, this.#environments];
    const { [placed.slot]: now } = await traffic.look();
    if (now.enabled && isWhere(placed, now.targets)) {
      const on = { host, instances, traffic, drainTimeoutMs: this.#release.app.drainTimeoutMs };
      return new RollingRestart(on, placed, await environments.again(placed.version), rolling).run();
    }
    const env = await environments.asReleased(placed.version);
    if (env) await restartWarm({ host, instances }, placed, env, rolling);
  }

  async startedWith(deployment: Deployment): Promise<StartedWith[]> {
    const placed = this.#placed(deployment);
    return placed ? this.#instances.startedWith(placed) : [];
  }

  async waitReady(deployment: Deployment, progress: Progress): Promise<void> {
    const placed = this.#placed(deployment);
    if (placed) await this.#instances.untilReady(placed, progress);
  }

  async shift(to: Deployment): Promise<void> {
    const placed = this.#placed(to);
    const { [to.slot]: traffic } = await this.#traffic.look();
    await this.#traffic.shift(to.slot, placed ? targetsIn(placed) : traffic.targets, to.version);
  }

  unshift(from: Deployment): Promise<void> {
    return this.#traffic.stop(from.slot);
  }

  /** What another product, or nobody of this host, started is taken from the traffic, and runs on. */
  async retire(deployment: Deployment): Promise<void> {
    const { drainTimeoutMs } = this.#release.app;
    const placed = this.#placed(deployment);
    // Its slot has another version by now.
    if (!placed && deployment.version !== UNKNOWN_VERSION) return;
    await this.#traffic.refuseLast(deployment.slot, deployment.version);
    await this.#traffic.drain(deployment.slot, drainTimeoutMs);
    if (placed) await this.#instances.end(deployment.slot, drainTimeoutMs);
  }

  async addressesOf(deployment: Deployment): Promise<string[]> {
    const placed = this.#placed(deployment);
    const targets = placed ? targetsIn(placed) : (await this.#traffic.look())[deployment.slot].targets;
    return targets.map(({ host, port }) => `http://${host}:${port}`);
  }

  placeOf({ slot }: Deployment): string {
    return `slot ${slot}`;
  }

  logs(
    deployment: Deployment,
    options: { lines: number; follow: boolean; signal: AbortSignal },
  ): AsyncIterable<string> {
    const placed = this.#placed(deployment);
    return linesOf(placed ? this.#instances.logs(placed) : [], options);
  }

  async saidLast(deployment: Deployment, lines: number): Promise<string[]> {
    const placed = this.#placed(deployment);
    return placed ? this.#instances.saidLast(placed, lines) : [];
  }

  maintenance(): Promise<(Maintenance & { since: string }) | undefined> {
    return readMaintenance(this.#proxy);
  }

  setMaintenance(on: Maintenance | undefined): Promise<void> {
    return writeMaintenance(this.#proxy, on);
  }

  async runOnce(artifact: Artifact, words: string[], { env, signal, onLine }: RunOnce): Promise<void> {
    const folder = join(this.#host.once, `${artifact.version}-${randomBytes(4).toString('hex')}`);
    try {
      await this.#unpack(artifact, folder, signal);
      const [program = '', ...args] = words;
      await exec(program === 'node' ? await this.#node() : program, args, {
        cwd: folder,
        env: { ...(await this.#environments.ofNow()), ...env },
        signal,
        onLine,
      });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  get #environments(): VersionEnvironments {
    return new VersionEnvironments({
      ...{ config: this.#config, release: this.#release, environment: this.#environment, host: this.#host },
      node: () => this.#node(),
    });
  }

  async #environmentOf({ version }: Artifact, asReleased: boolean): Promise<Record<string, string>> {
    const environments = this.#environments;
    const kept = asReleased ? await environments.asReleased(version) : undefined;
    const env = kept ?? (await environments.ofNow());
    environments.keep(version, env);
    return env;
  }

  async #node(): Promise<string> {
    return configuredNode(this.#config, this.#release.app.node) ?? (await keptNode(this.#host.programs));
  }

  /** Fresh files, compared with the digest. */
  async #unpack(artifact: Artifact, into: string, signal: AbortSignal): Promise<void> {
    await artifactStore(this.#config, this.#environment).unpack(artifact, into, signal);
  }

  /** As it lies there now; undefined where its slot has another version, or was never filled from this host. */
  #placed({ slot, version }: Deployment): Placed | undefined {
    const placed = this.#host.placed(slot);
    return placed?.version === version ? placed : undefined;
  }

  /** What lies in a slot, if it is that which the proxy sends its traffic to. */
  #placedThere(slot: Slot, { targets }: SlotTraffic): Placed | undefined {
    const placed = this.#host.placed(slot);
    return placed && isWhere(placed, targets) ? placed : undefined;
  }
}
