import { join } from 'node:path';
import {
  acquireCheckoutLock,
  environmentNamed,
  loadConfig,
  type Output,
  promotionTo,
  runForeground,
} from '@drydock/kit';
import { taskFile } from '@drydock/kit/cli';
import { beganForARun, down, isARuns, status, up } from '@drydock/sandbox';

export const ROOT = join(import.meta.dirname, '../..');
/** Who asks for the checkout: its sandbox is brought up and ended by one at a time. */
export interface Asker {
  run: string;
  out: Output;
}

/** The sandbox as `npm start` wants it. One of which something runs already is a person's, who ends it; what npm start began, it ends. */
export async function bringUp({ run, out }: Asker): Promise<void> {
  const config = await loadConfig(undefined, ROOT);
  await alone(run, async () => {
    const states = (await status(config)).map(({ state }) => state);
    const wasUp = states.every((state) => state === 'up');
    const progress = out.progress('sandbox');
    if (!states.some((state) => state === 'up' || state === 'silent')) beganForARun(ROOT);
    if (!wasUp)
      try {
        await up(config);
      } catch (error) {
        progress.fail('sandbox');
        await endOurs(out);
        throw error;
      }
    progress.done(wasUp ? 'sandbox (was up already)' : 'sandbox');
  });
}

/** What is shown is a release, not a product that CI knows: origin is not asked, nobody waits for a quarter of an hour of tests, and the sandbox's secrets were made with it. */
const DEMO = ['--offline', '--sign', 'types,tests,drill,secrets'];

/** In a process of its own, on this terminal: Ctrl-C reaches it, and its exit code is ours. */
export async function release(flags: string[], stdout: 'inherit' | 2): Promise<number> {
  const config = await loadConfig(undefined, ROOT);
  const last = environmentNamed(config, Object.keys(config.environments).at(-1));
  const confirmed = promotionTo(config, last).flatMap((env) => ['--confirm', env]);
  const args = [taskFile('release'), '--env', last, '--yes', ...confirmed, '--reason', 'npm start', ...DEMO, ...flags];
  return runForeground(process.execPath, args, { cwd: ROOT, stdio: ['inherit', stdout, 'inherit'] });
}

export async function stopOurs({ run, out }: Asker): Promise<void> {
  if (isARuns(ROOT)) await alone(run, () => endOurs(out));
}

async function endOurs(out: Output): Promise<void> {
  if (!isARuns(ROOT)) return;
  const progress = out.progress('stop the sandbox');
  await down({ root: ROOT });
  progress.done();
}

/** Beside sandbox:up, down and reset, which take the same lock. */
async function alone<T>(run: string, work: () => Promise<T>): Promise<T> {
  const lock = await acquireCheckoutLock(ROOT, { task: 'start', run, reason: undefined });
  try {
    return await work();
  } finally {
    await lock.release();
  }
}
