import { command, type Environment, type LoadedConfig, OpsError } from '@drydock/kit';
import type { Artifact } from '../artifact/types.ts';
import type { ReleaseConfig } from '../config.ts';
import { readMaintenance, writeMaintenance } from '../proxy/maintenance.ts';
import { refuseNoProxy } from '../proxy/of.ts';
import { otherThan } from '../proxy/traffic.ts';
import type { Question } from '../question.ts';
import type { Images } from '../swarm/images.ts';
import { runJob } from '../swarm/job.ts';
import { serviceLogs } from '../swarm/logs.ts';
import { addressOf, machinesOf, refuseTooFew } from '../swarm/nodes.ts';
import { SwarmParts } from '../swarm/parts.ts';
import { untilReady } from '../swarm/ready.ts';
import { SwarmRestart } from '../swarm/restart.ts';
import { hasEnded, isOf, isWanted } from '../swarm/services.ts';
import { holds, ofThisAttempt, places, readyOn, runs } from '../swarm/sight.ts';
import { BESIDE, type Place, type SwarmSlots } from '../swarm/slots.ts';
import { isFilledWith, LABELS } from '../swarm/spec.ts';
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

const SAID_WITHIN_MS = 3_000;

/**
 * Blue and green as two services of a swarm, each instance on a machine of its own, behind HAProxy. What is live, the proxy says; what lies in a slot,
 * the managers; whether it is ready, each instance itself.
 */
export class SwarmDriver implements Driver {
  readonly #config: LoadedConfig;
  readonly #release: ReleaseConfig;
  readonly #environment: Environment;
  readonly #images: Images;
  readonly #parts: SwarmParts;

  constructor(config: LoadedConfig, release: ReleaseConfig, environment: Environment, images: Images) {
    this.#config = config;
    this.#release = release;
    this.#environment = environment;
    this.#images = images;
    this.#parts = new SwarmParts(config, release, environment, images);
  }

  questions(): Question[] {
    return [
      {
        about: 'proxy',
        ask: async () => {
          refuseNoProxy(this.#config, this.#environment);
          return this.#parts.proxy.preflight(this.#parts.instances, { elsewhere: true });
        },
      },
      { about: 'swarm', ask: () => this.#ask() },
      ...this.#images.questions(),
    ];
  }

  async inspect(): Promise<Found> {
    const enabled = await this.#parts.traffic.enabled();
    const serving = enabled.find(({ up }) => up) ?? enabled[0];
    const idleSlot = serving ? otherThan(serving.slot) : 'blue';
    const slots = this.#parts.slots;
    const [held, idle] = await Promise.all([serving && slots.deployed(serving.slot), slots.deployed(idleSlot)]);
    // What the proxy sends elsewhere is not what lies in the slot of that name.
    const ours = serving && isOfSlot(slots, serving);
    return { live: serving && ((ours && held) || unknownIn(serving.slot)), up: serving?.up ?? false, idle };
  }

  async isLive({ slot, version }: Deployment): Promise<boolean> {
    const enabled = await this.#parts.traffic.enabled();
    const alone = enabled.length > 0 && enabled.every((server) => server.slot === slot);
    const slots = this.#parts.slots;
    if (!alone || !enabled.every((server) => isOfSlot(slots, server))) return false;
    return (await slots.deployed(slot))?.version === version;
  }

  async isRunning(deployment: Deployment): Promise<boolean> {
    const sight = await this.#parts.slots.look(deployment.slot, { ask: deployment.version === UNKNOWN_VERSION });
    if (deployment.version === UNKNOWN_VERSION) return sight.answers.some(({ ready }) => ready);
    return holds(sight, deployment) && runs(sight);
  }

  async instances({ slot }: Deployment): Promise<InstanceState[]> {
    const { service, tasks: all, answers } = await this.#parts.slots.look(slot);
    const tasks = service ? ofThisAttempt(all, service) : [];
    return tasks.filter(isWanted).map((task) => {
      const answer = answers.find(({ machine }) => machine.id === task.NodeID);
      const { State, Err } = task.Status;
      const place = answer ? `${answer.machine.name}, ${answer.address}` : 'on no machine yet';
      return {
        name: `${slot}-${task.Slot}`,
        running: State === 'running' && answer?.machine.up === true,
        ready: answer?.ready ?? false,
        version: answer?.version,
        // Swarm keeps the last few of each.
        restarts: tasks.filter((other) => other.Slot === task.Slot && other.Status.State === 'failed').length,
        detail: `${place}${answer && !answer.machine.up ? ', which the managers do not hear from' : ''}${Err ? `: ${Err}` : ''}`,
      };
    });
  }

  async stage(artifact: Artifact, options: Progress & Kept): Promise<Deployment> {
    const { live } = await this.inspect();
    const slot: Slot = live ? otherThan(live.slot) : 'blue';
    const { version, commit, digest } = artifact;
    const image = await this.#images.of(artifact, options);
    await this.#parts.traffic.stop(slot);
    const deployment = { slot, version, commit, digest };
    const known = this.#parts.variables;
    const variables = (options.asReleased ? await known.asReleased(version) : undefined) ?? known.ofNow;
    await known.keep(version, variables);
    const { constraints } = this.#release.swarm;
    const env = this.#parts.slots.variablesAt(slot, deployment, variables);
    await this.#parts.slots.fill(deployment, this.#parts.instances, { image, env, constraints });
    return deployment;
  }

  waitReady(deployment: Deployment, progress: Progress): Promise<void> {
    return this.#untilReady(deployment.slot, deployment, progress);
  }

  async #untilReady(place: Place, deployment: Deployment, progress: Progress): Promise<void> {
    const [engine, slots, env] = [this.#parts.engine, this.#parts.slots, this.#environment.name];
    const { readyTimeoutMs } = this.#release.app;
    const { pullTimeoutMs } = this.#release.swarm;
    await untilReady({ env, engine, slots, readyTimeoutMs, pullTimeoutMs }, place, deployment, progress);
  }

  async shift(to: Deployment): Promise<void> {
    const { slot, version } = to;
    const [sight, enabled] = await Promise.all([this.#parts.slots.look(slot), this.#parts.traffic.enabled()]);
    const ready = readyOn(sight, to);
    // Of a machine that is lost, the version that is live has lost an instance as well.
    const lives = enabled.filter((server) => server.slot !== slot && server.up).length;
    if (!holds(sight, to) || ready.length < Math.max(1, Math.min(places(sight), lives)))
      throw new OpsError({
        code: 'VERSION_NOT_UP',
        message: `Version ${version} is ready on ${ready.map(({ machine }) => machine.name).join(', ') || 'no machine'} of the swarm, and the version before on ${lives}: traffic stays where it was.`,
        hint: command('release:status'),
      });
    const targets = ready.map(({ machine }) => ({ host: machine.address, port: this.#parts.slots.portOf(slot) }));
    await this.#parts.traffic.shift(slot, targets, version);
  }

  async unshift(from: Deployment): Promise<void> {
    await this.#parts.traffic.stop(from.slot);
  }

  async retire({ slot, version }: Deployment): Promise<void> {
    await this.#parts.traffic.refuseLast(slot, version);
    await this.#parts.traffic.drain(slot, this.#release.app.drainTimeoutMs);
    await this.#parts.slots.scale(slot, 0);
    await this.#parts.slots.untilEnded(slot);
    // A restart that was killed may have left what stood in for it.
    const beside = await this.#parts.slots.find(BESIDE);
    if (beside?.Spec.Labels[LABELS.version] === version) await this.#parts.slots.dismiss();
  }

  async revive(retired: Deployment, { onLine }: Progress): Promise<void> {
    if (!holds(await this.#parts.slots.look(retired.slot, { ask: false }), retired))
      throw new OpsError({
        code: 'NOTHING_TO_REVIVE',
        message: `Slot ${retired.slot} of the swarm does not hold version ${retired.version} any more.`,
        hint: command('release:history'),
      });
    onLine(`starts ${this.#parts.slots.nameOf(retired.slot)} with ${this.#parts.instances} of it`);
    await this.#refill(retired, () => this.#parts.slots.scale(retired.slot, this.#parts.instances));
  }

  async restart(deployment: Deployment, rolling: Rolling): Promise<void> {
    const { slot, version } = deployment;
    const sight = await this.#parts.slots.look(slot, { ask: false });
    if (!holds(sight, deployment)) return;
    if (!(await this.isLive(deployment))) {
      if (places(sight) === 0) return;
      await this.#refill(deployment, async () => {});
      return this.waitReady(deployment, rolling);
    }
    const variables = await this.#parts.variables.again(version);
    const on = {
      ...{ slots: this.#parts.slots, traffic: this.#parts.traffic, drainTimeoutMs: this.#release.app.drainTimeoutMs },
      untilReady: (place: Place, of: Deployment) => this.#untilReady(place, of, rolling),
    };
    await new SwarmRestart(on, deployment, variables, rolling).run();
  }

  /** What lies in a slot that gets no traffic, as released but for what is under rotation. */
  async #refill(deployment: Deployment, whereItHasIt: () => Promise<void>): Promise<void> {
    const { slot, version } = deployment;
    const service = await this.#parts.slots.find(slot);
    const kept = service && (await this.#parts.variables.asReleased(version));
    const env = kept && this.#parts.slots.variablesAt(slot, deployment, kept);
    if (!env || isFilledWith(service, env)) return whereItHasIt();
    const { ContainerSpec, Placement } = service.Spec.TaskTemplate;
    const constraints = Placement.Constraints ?? [];
    await this.#parts.slots.fill(deployment, this.#parts.instances, { image: ContainerSpec.Image, env, constraints });
  }

  async startedWith({ slot, version }: Deployment): Promise<StartedWith[]> {
    const serves = (await this.inspect()).live?.slot === slot;
    const slots = this.#parts.slots;
    return [...(await slots.startedWith(slot, version)), ...(serves ? await slots.startedWith(BESIDE, version) : [])];
  }

  async addressesOf({ slot, version }: Deployment): Promise<string[]> {
    // Of one that is not ours, where the proxy sends its traffic.
    if (version === UNKNOWN_VERSION) {
      const enabled = (await this.#parts.traffic.enabled()).filter((server) => server.slot === slot);
      return enabled.map(({ address, port }) => addressOf(address, port));
    }
    const { tasks, answers } = await this.#parts.slots.look(slot, { ask: false });
    const on = new Set(tasks.filter((task) => !hasEnded(task) && isOf(task, version)).map(({ NodeID }) => NodeID));
    return answers.filter(({ machine }) => on.has(machine.id)).map(({ address }) => address);
  }

  placeOf({ slot }: Deployment): string {
    return `slot ${slot}`;
  }

  async *logs(
    { slot }: Deployment,
    options: { lines: number; follow: boolean; signal: AbortSignal },
  ): AsyncGenerator<string> {
    const { tasks, answers } = await this.#parts.slots.look(slot, { ask: false });
    const machineOf = (id: string) =>
      answers.find(({ machine }) => machine.id === tasks.find(({ ID }) => ID === id)?.NodeID)?.machine.name ?? id;
    for await (const { task, text } of serviceLogs(this.#parts.engine, this.#parts.slots.nameOf(slot), options))
      yield answers.length === 1 ? text : `${machineOf(task)} | ${text}`;
  }

  /** Its service holds this version alone. What a machine does not tell soon is not waited for. */
  async saidLast(deployment: Deployment, lines: number): Promise<string[]> {
    const said: string[] = [];
    const options = { lines, follow: false, signal: AbortSignal.timeout(SAID_WITHIN_MS) };
    for await (const line of this.logs(deployment, options)) said.push(line);
    return said.slice(-lines);
  }

  async runOnce(artifact: Artifact, commandLine: string[], { env, signal, onLine }: RunOnce): Promise<void> {
    const image = await this.#images.of(artifact, { signal, onLine });
    const { version } = artifact;
    await runJob(
      this.#parts.engine,
      { auth: this.#images.auth },
      {
        prefix: this.#parts.prefix,
        version,
        image,
        command: commandLine,
        env: { ...this.#parts.variables.ofNow, [this.#release.app.versionVariable]: version, ...env },
        constraints: this.#release.swarm.constraints,
        beginWithinMs: this.#release.swarm.pullTimeoutMs,
      },
      { signal, onLine },
    );
  }

  maintenance(): Promise<(Maintenance & { since: string }) | undefined> {
    return readMaintenance(this.#parts.proxy);
  }

  setMaintenance(on: Maintenance | undefined): Promise<void> {
    return writeMaintenance(this.#parts.proxy, on);
  }

  async #ask(): Promise<string> {
    const engine = this.#parts.engine;
    const machines = await machinesOf(engine);
    refuseTooFew(machines, this.#parts.instances);
    // Services of these names that are not ours would be told later.
    for (const slot of SLOTS) await this.#parts.slots.deployed(slot);
    const active = machines.filter((machine) => machine.active).length;
    return `${engine.label}, ${active === 1 ? '1 machine' : `${active} machines`}`;
  }
}

/** Sent to the slot's own instances, or to what stands in for them. */
function isOfSlot(slots: SwarmSlots, { slot, port }: { slot: Slot; port: number }): boolean {
  return port === slots.portOf(slot) || port === slots.portOf(BESIDE);
}
