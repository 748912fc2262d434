import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, existsSync, globSync, realpathSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeFolder, renameDurably, writeDurably } from '../../durable.ts';
import { OpsError } from '../../errors.ts';
import { makePrivate } from '../../state/folder.ts';
import { exec } from '../exec.ts';
import { requireTool } from '../require-tool.ts';
import { argumentsOf, runningProcesses } from '../table.ts';
import { MARK, type ServiceSpec, serviceFiles } from './scripts.ts';
import { hears, isDown, type ServiceState, stateOf, tell } from './service.ts';

const LOOK_MS = 20;
/** runsvdir looks every five seconds when nobody wakes it. */
const SEEN_WITHIN_MS = 15_000;
/** After SIGKILL. */
const KILLED_WITHIN_MS = 5_000;
const WITHOUT_SECRETS = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' };
const EXECUTABLE = new Set(['run', 'finish', 'sweep', 'log/run']);

/** runit's runsvdir over one folder: it keeps a runsv for each service in it, and that keeps the service. */
export class Supervisor {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  /** Of the runsvdir that keeps this folder. */
  get pid(): number | undefined {
    if (!existsSync(this.folder)) return undefined;
    const paths = new Set([this.folder, realpathSync(this.folder)]);
    // What ps shows of letters goes by the locale.
    if (process.platform === 'linux')
      return runningProcesses().find(({ pid }) => {
        const [program = '', flag, path = ''] = argumentsOf(pid);
        return basename(program) === 'runsvdir' && flag === '-P' && paths.has(path);
      })?.pid;
    const lines = execFileSync('ps', ['-axww', '-o', 'pid=,args='], { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
    for (const line of lines.split('\n')) {
      const [, pid, path = ''] = /^\s*(\d+) (?:\S*\/)?runsvdir -P (.+?)(?: log: .*)?\s*$/.exec(line) ?? [];
      if (pid && paths.has(path)) return Number(pid);
    }
    return undefined;
  }

  /** What starts it, also at boot. Without a terminal its last words stand in its own name (runsvdir(8), log). */
  static command(folder: string): [program: string, ...args: string[]] {
    return [requireTool('runsvdir'), '-P', folder, `log: ${'.'.repeat(200)}`];
  }

  /** It outlives us, our terminal and our session. What still runs under a supervisor that was killed goes on. */
  async ensure(): Promise<void> {
    if (this.pid !== undefined) return;
    makePrivate(this.folder);
    const [program, ...args] = Supervisor.command(this.folder);
    const child = spawn(program, args, { cwd: this.folder, env: WITHOUT_SECRETS, detached: true, stdio: 'ignore' });
    await new Promise((done, fail) => child.once('spawn', done).once('error', fail));
    child.unref();
  }

  names(): string[] {
    return globSync('*/run', { cwd: this.folder }).map(dirname).sort();
  }

  state(name: string): ServiceState {
    return stateOf(this.#of(name));
  }

  /** Makes or replaces a service, and leaves it down. One that runs is ended first. */
  async place(spec: ServiceSpec): Promise<void> {
    const folder = this.#of(spec.name);
    await this.down(spec.name, spec.graceMs);
    const files = serviceFiles(folder, spec, requireTool('chpst'), requireTool('svlogd'));
    makeFolder(spec.logs);
    // A name with a dot is not looked at: a service is seen once it is whole, and wants to be down.
    const fresh = existsSync(folder) ? folder : join(this.folder, `.${spec.name}.new`);
    if (fresh !== folder) rmSync(fresh, { recursive: true, force: true });
    rmSync(join(fresh, 'odd'), { recursive: true, force: true });
    for (const [name, text] of Object.entries({ ...files, down: '' })) {
      writeDurably(join(fresh, name), text);
      if (EXECUTABLE.has(name)) chmodSync(join(fresh, name), 0o700);
    }
    this.#forget(fresh);
    if (fresh !== folder) renameDurably(fresh, folder);
    await this.#untilSupervised(spec.name);
  }

  /** From now on it runs, and comes up at boot. Returns once its program was started. */
  async up(name: string): Promise<void> {
    await this.#untilSupervised(name);
    if (!this.state(name).running) this.#forget(this.#of(name));
    rmSync(join(this.#of(name), 'down'), { force: true });
    tell(this.#of(name), 'u');
    const started = () => this.state(name).running || this.state(name).ended !== undefined;
    await until(started, SEEN_WITHIN_MS);
  }

  /** Ends it and all that it has begun: asked first, killed after the grace. It stays down. */
  async down(name: string, graceMs: number): Promise<void> {
    const folder = this.#of(name);
    if (!existsSync(folder)) return;
    writeDurably(join(folder, 'down'), '');
    if (tell(folder, 'd')) {
      await until(() => isDown(folder) || !this.state(name).running, graceMs);
      // Killed as often as needed: runsv kills what runs, and that may be the last that tidies up.
      if (this.state(name).running) tell(folder, 'k');
      await until(() => isDown(folder), graceMs + KILLED_WITHIN_MS);
      if (!isDown(folder)) tell(folder, 'k');
      if (!(await until(() => isDown(folder), KILLED_WITHIN_MS))) throw notEnded(name, folder);
    }
    // Where runsv was killed nobody else ends what it kept.
    await exec('/bin/sh', ['./sweep', String(Math.ceil(graceMs / 1_000))], { cwd: folder, env: WITHOUT_SECRETS });
  }

  async remove(name: string, graceMs: number): Promise<void> {
    await this.down(name, graceMs);
    if (!existsSync(this.#of(name))) return;
    tell(this.#of(name), 'x');
    const gone = join(this.folder, `.${name}.gone`);
    rmSync(gone, { recursive: true, force: true });
    renameDurably(this.#of(name), gone);
    await until(() => !hears(gone), KILLED_WITHIN_MS);
    rmSync(gone, { recursive: true, force: true });
  }

  /** Ends everything, as a shutdown of the machine does: what was up comes up with the next supervisor. */
  async end(graceMs: number): Promise<void> {
    const { pid } = this;
    if (pid !== undefined) process.kill(pid, 'SIGTERM');
    await until(() => this.pid === undefined, KILLED_WITHIN_MS, 200);
    await Promise.all(
      this.names().map(async (name) => {
        const folder = this.#of(name);
        tell(folder, 'x');
        await until(() => isDown(folder) || !hears(folder), graceMs);
        if (hears(folder)) tell(folder, 'k');
        if (!(await until(() => !hears(folder), graceMs + KILLED_WITHIN_MS))) throw notEnded(name, folder);
        await exec('/bin/sh', ['./sweep', '3'], { cwd: folder, env: WITHOUT_SECRETS });
      }),
    );
  }

  async #untilSupervised(name: string): Promise<void> {
    if (hears(this.#of(name))) return;
    await this.ensure();
    const seen = await until(
      () => {
        if (!hears(this.#of(name))) this.#wake();
        return hears(this.#of(name));
      },
      SEEN_WITHIN_MS,
      200,
    );
    if (!seen)
      throw new OpsError({
        code: 'SUPERVISOR_NOT_UP',
        message: `runsvdir does not keep ${name} in ${this.folder}.`,
        hint: `Is it running? ps -ax | grep '[r]unsvdir -P ${this.folder}'`,
      });
  }

  /** What is written to its log it reads at once, and then it looks around; else it would sleep for up to five seconds. */
  #wake(): void {
    const { pid } = this;
    if (pid === undefined) return;
    try {
      writeFileSync(`/proc/${pid}/fd/2`, '.');
    } catch {
      // Another system, or one that was started without a log: it wakes by itself.
    }
  }

  /** How it went before. */
  #forget(folder: string): void {
    for (const name of ['restarts', 'quick', 'ended', 'began', 'group']) rmSync(join(folder, name), { force: true });
  }

  #of(name: string): string {
    return join(this.folder, name);
  }
}

/** The mark that the service's processes bear, as it stands in their environment. */
export function markOf({ folder }: Supervisor, name: string): string {
  return `${MARK}=${join(folder, name)}`;
}

async function until(isSo: () => boolean, ms: number, everyMs = LOOK_MS): Promise<boolean> {
  const deadline = Date.now() + ms;
  while (!isSo()) {
    if (Date.now() >= deadline) return false;
    await sleep(everyMs);
  }
  return true;
}

/** On a full disk its supervisor cannot say that it has ended. */
function notEnded(name: string, folder: string): OpsError {
  const { bavail } = statfsSync(folder);
  if (bavail === 0)
    return new OpsError({
      code: 'DISK_FULL',
      message: `The disk of ${folder} is full: whether ${name} has ended cannot be told.`,
      hint: 'Free disk space, and run it again.',
    });
  return new OpsError({
    code: 'PROCESS_NOT_ENDED',
    message: `${name} was killed and has not ended: it waits for the system.`,
    hint: 'See what for: ps -eo pid,stat,wchan:30,args',
  });
}
