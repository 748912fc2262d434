import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  command,
  currentHost,
  type Environment,
  type LoadedConfig,
  MARK,
  markOf,
  OpsError,
  Supervisor,
} from '@drydock/kit';
import type { ReleaseConfig } from '../config.ts';
import type { HostFolder, Placed } from '../host/folder.ts';
import type { Target } from '../proxy/haproxy.ts';
import { readyPathOf } from '../ready-path.ts';
import { askInstance, listening } from './ask.ts';
import { environOf, isStartedWith } from './environ.ts';
import { errorLine, saidSince } from './log.ts';
import { allIn, HOST, type Instance, instancesIn } from './placed.ts';
import type { Deployment, InstanceState, Progress, Slot, StartedWith } from './types.ts';

const POLL_MS = 100;
const SAY_EVERY_MS = 1_000;
/** The processes of a version on this machine, as runit's services. */
export class LocalInstances {
  readonly #config: LoadedConfig;
  readonly #release: ReleaseConfig;
  readonly #environment: Environment;
  readonly #host: HostFolder;
  readonly #supervisor: Supervisor;

  constructor(config: LoadedConfig, release: ReleaseConfig, environment: Environment, host: HostFolder) {
    this.#config = config;
    this.#release = release;
    this.#environment = environment;
    this.#host = host;
    this.#supervisor = new Supervisor(host.services);
  }

  allRun(placed: Placed): boolean {
    return instancesIn(placed).every(({ name }) => this.#runs(name));
  }

  someRun(placed: Placed): boolean {
    return instancesIn(placed).some(({ name }) => this.#runs(name));
  }

  states(placed: Placed): Promise<InstanceState[]> {
    return Promise.all(allIn(placed).map((instance) => this.#stateOf(placed, instance)));
  }

  /** Of those that run, or are started again at the moment. */
  startedWith(placed: Placed): StartedWith[] {
    return allIn(placed)
      .filter(({ name }) => {
        const { running, keptDown, supervised } = this.#supervisor.state(this.#host.serviceOf(name));
        return running || (supervised && !keptDown);
      })
      .map(({ name, port }) => ({
        ...{ instance: name, host: currentHost(), address: `http://${HOST}:${port}`, env: this.#environOf(name) },
      }));
  }

  /** Does it run, and was it started with this environment? */
  runsWith(name: string, env: Readonly<Record<string, string>>): boolean {
    const { portVariable, versionVariable } = this.#release.app;
    const environ = this.#environOf(name);
    return environ !== undefined && isStartedWith(environ, env, [portVariable, versionVariable, MARK]);
  }

  #runs(name: string): boolean {
    return this.#supervisor.state(this.#host.serviceOf(name)).running;
  }

  #environOf(name: string): Record<string, string> | undefined {
    const service = this.#host.serviceOf(name);
    const { pid } = this.#supervisor.state(service);
    return pid === undefined ? undefined : environOf(pid, markOf(this.#supervisor, service));
  }

  /** Asked alone: they are not ours to look into. */
  strangers({ slot }: Deployment, addresses: readonly Target[]): Promise<InstanceState[]> {
    const readyPath = readyPathOf(this.#config, this.#environment, this.#release);
    const asked = addresses.map(async (address, i): Promise<InstanceState> => {
      const said = await askInstance(this.#config, this.#environment, readyPath, address);
      return { name: `${slot}-${i + 1}`, running: said.ready, restarts: undefined, ...said };
    });
    return Promise.all(asked);
  }

  /** Those that run are ended first. */
  async start(placed: Placed, env: Record<string, string>, which = instancesIn(placed)): Promise<void> {
    const { command: words, portVariable, versionVariable, drainTimeoutMs } = this.#release.app;
    const [program = '', ...args] = words;
    const node = join((env.PATH ?? '').split(':')[0] ?? '', 'node');
    await Promise.all(
      which.map(async ({ name, port }) => {
        const service = this.#host.serviceOf(name);
        await this.#supervisor.place({
          name: service,
          cwd: this.#host.filesOf(placed.slot, placed.files),
          command: [program === 'node' ? node : program, ...args],
          env: { ...env, [portVariable]: String(port), [versionVariable]: placed.version },
          logs: this.#host.logsOf(name),
          graceMs: drainTimeoutMs,
        });
        await this.#supervisor.up(service);
      }),
    );
  }

  /** All of a slot, also those that it had more of before. */
  async end(slot: Slot, graceMs: number): Promise<void> {
    const prefix = this.#host.serviceOf(`${slot}-`);
    const all = this.#supervisor.names().filter((name) => name.startsWith(prefix));
    const wanted = new Set(
      Array.from({ length: this.#release.local.instances }, (_, i) => this.#host.serviceOf(`${slot}-${i + 1}`)),
    );
    await Promise.all(
      all.map((name) =>
        wanted.has(name) ? this.#supervisor.down(name, graceMs) : this.#supervisor.remove(name, graceMs),
      ),
    );
  }

  remove(name: string, graceMs: number): Promise<void> {
    return this.#supervisor.remove(this.#host.serviceOf(name), graceMs);
  }

  async untilReady(
    placed: Placed,
    { signal, onLine }: Progress,
    which: readonly Instance[] = instancesIn(placed),
  ): Promise<void> {
    const { readyTimeoutMs } = this.#release.app;
    const began = Date.now();
    let spoke = began;
    for (;;) {
      const isLate = Date.now() - began > readyTimeoutMs;
      const speaks = Date.now() - spoke > SAY_EVERY_MS;
      const statesOf = (of: readonly Instance[], why = true) =>
        Promise.all(of.map((instance) => this.#stateOf(placed, instance, { why })));
      const states = await statesOf(which, isLate || speaks);
      const waiting = states.filter(({ ready }) => !ready);
      if (waiting.length === 0) return;
      const seconds = Math.round((Date.now() - began) / 1_000);
      // One that has ended, or is another version, gets no better by waiting.
      const hopeless = waiting.filter(
        ({ running, restarts = 0, version }) => !running || restarts > 0 || isAnother(placed, version),
      );
      if (hopeless.length > 0) {
        // How it ended, and its last words, are written a moment after it has.
        await sleep(POLL_MS, undefined, { signal });
        const again = await statesOf(which.filter(({ name }) => hopeless.some((one) => one.name === name)));
        throw this.#notReady(placed, again, seconds);
      }
      if (isLate) throw this.#notReady(placed, waiting, seconds);
      if (speaks) {
        spoke = Date.now();
        const [first] = waiting;
        onLine(`${first?.name}: ${first?.detail}, ${seconds} of ${Math.round(readyTimeoutMs / 1_000)} s`);
      }
      await sleep(POLL_MS, undefined, { signal });
    }
  }

  saidLast(placed: Placed, lines: number): string[] {
    return instancesIn(placed).flatMap(({ name }) =>
      saidSince(this.#logOf(name), placed.placedAt)
        .slice(-lines)
        .map((line) => `${name} ${line}`),
    );
  }

  logs(placed: Placed): { name: string; file: string }[] {
    return allIn(placed).map(({ name }) => ({ name, file: this.#logOf(name) }));
  }

  /** `why`: also why it is not ready, which costs a look at all sockets of the machine. */
  async #stateOf(placed: Placed, { name, port }: Instance, { why: tellsWhy = true } = {}): Promise<InstanceState> {
    const service = this.#host.serviceOf(name);
    const { running, restarts, ended } = this.#supervisor.state(service);
    const known = { name, running, restarts };
    const why = !running || restarts > 0 ? errorLine(saidSince(this.#logOf(name), placed.placedAt)) : undefined;
    const how = ended ? `ended ${ended}${why ? `: ${why}` : ''}` : undefined;
    if (!running) return { ...known, ready: false, version: undefined, detail: how ?? 'does not run' };
    const readyPath = readyPathOf(this.#config, this.#environment, this.#release);
    const said = await askInstance(this.#config, this.#environment, readyPath, { host: HOST, port });
    if (isAnother(placed, said.version))
      return { ...known, ...said, ready: false, detail: `says that it is version ${said.version}` };
    // What says which version it is needs no look at whose the port is.
    if (said.ready && said.version !== undefined) return { ...known, ...said };
    if (!said.ready && !tellsWhy) return { ...known, ...said };
    const { own, theirs, elsewhere } = listening(port, markOf(this.#supervisor, service));
    const hears = own.some((address) => ['0.0.0.0', HOST, '[::]'].includes(address));
    if (!hears && theirs.length > 0)
      return { ...known, ...said, ready: false, detail: `another process listens at ${theirs[0]}:${port}` };
    if (!said.ready && own.length > 0 && !hears)
      return { ...known, ...said, detail: `listens at ${own.join(', ')} port ${port}, and not at ${HOST}` };
    // Started again since: that nothing listens yet is not why it is not ready.
    if (!said.ready && restarts > 0 && how && own.length === 0) return { ...known, ...said, detail: how };
    if (!said.ready && own.length === 0 && elsewhere.length > 0) {
      const { portVariable } = this.#release.app;
      const detail = `listens at ${elsewhere.join(', ')}, and not at port ${port}, which ${portVariable} (release.app.portVariable) names`;
      return { ...known, ...said, detail };
    }
    return { ...known, ...said };
  }

  #notReady(placed: Placed, states: readonly InstanceState[], seconds: number): OpsError {
    const why = states.map(({ name, detail }) => (placed.ports.length > 1 ? `${name} ${detail}` : detail));
    return new OpsError({
      code: 'VERSION_NOT_READY',
      message: `Version ${placed.version} did not become ready on ${this.#environment.name} within ${seconds} s: ${why.join('; ')}.`,
      hint: command('release:logs', { slot: placed.slot }),
    });
  }

  #logOf(name: string): string {
    return join(this.#host.logsOf(name), 'current');
  }
}

function isAnother({ version }: Placed, said: string | undefined): boolean {
  return said !== undefined && said !== version;
}
