import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type DaemonSpec, findTool, freePort, listDaemons, startDaemon, stopDaemon } from '@drydock/kit';

/** Where throw-away services live. The test runner sweeps the folder when a test dies without tidying up. */
export function testRoot(name: string): string {
  const root = mkdtempSync(join(process.env.DRYDOCK_TEST_ROOT ?? tmpdir(), `drydock-${name}-`));
  // PostgreSQL runs as another user when we are root, and must get in.
  chmodSync(root, 0o755);
  return root;
}

/** Where what is the same for every run is kept: programs that were unpacked, a cluster to copy. */
export function cacheRoot(): string {
  return process.env.DRYDOCK_TEST_CACHE ?? tmpdir();
}

export interface TestService {
  port: number;
  stop(): Promise<void>;
}

/** Starts one throw-away process on a free port and waits until it answers. */
export async function startThrowAway(
  root: string,
  name: string,
  prepare: (port: number) => Promise<Omit<DaemonSpec, 'name' | 'logFile' | 'port'>>,
  ready: (port: number) => Promise<boolean>,
  wanted?: number,
): Promise<TestService> {
  const port = wanted ?? (await freePort());
  const spec = tied(await prepare(port));
  const { pid } = await startDaemon(root, { ...spec, name, logFile: join(root, `${name}.log`), port });
  // A test that ends early ends its services as well.
  const kill = () => {
    try {
      process.kill(-pid, 'SIGKILL');
    } catch (error) {
      // Started again, or ended, in the meantime.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  };
  process.once('exit', kill);
  const stop = async () => {
    process.off('exit', kill);
    await stopDaemon(root, name, { graceMs: 5_000 });
    rmSync(root, { recursive: true, force: true });
  };
  const deadline = Date.now() + 20_000;
  while (!(await ready(port))) {
    const alive = (await listDaemons(root)).some((daemon) => daemon.name === name && daemon.alive);
    if (!alive || Date.now() > deadline) {
      await stop();
      throw new Error(`${name} for a test did not come up on port ${port}`);
    }
    await sleep(20);
  }
  return { port, stop };
}

/** Where Linux can do it, the process ends with ours, also if that is killed. */
function tied<T extends { command: string; args: string[] }>(spec: T): T {
  const setpriv = process.platform === 'linux' ? findTool('setpriv') : undefined;
  return setpriv ? { ...spec, command: setpriv, args: ['--pdeathsig', 'KILL', spec.command, ...spec.args] } : spec;
}
