import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  environmentNamed,
  loadConfig,
  makeStateFolder,
  type Output,
  promotionTo,
  runForeground,
  statePath,
  writeDurably,
} from '@drydock/kit';
import { taskFile } from '@drydock/kit/cli';
import { down, status, up } from '@drydock/sandbox';

export const ROOT = join(import.meta.dirname, '../..');
/** Remembers that the sandbox is ours to stop, also for the run that resumes a killed one. */
const STARTED = statePath(ROOT, 'started-by-npm-start');

/** The sandbox as `npm start` wants it: what it started itself it stops again. */
export async function bringUp(out: Output): Promise<void> {
  const config = await loadConfig(undefined, ROOT);
  const wasUp = (await status(config)).every(({ state }) => state === 'up');
  const progress = out.progress('sandbox');
  if (!wasUp) {
    makeStateFolder(ROOT);
    writeDurably(STARTED, '');
    try {
      await up(config);
    } catch (error) {
      progress.fail('sandbox');
      await stopOurs(out);
      throw error;
    }
  }
  progress.done(wasUp ? 'sandbox (was up already)' : 'sandbox');
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

export async function stopOurs(out: Output): Promise<void> {
  if (!existsSync(STARTED)) return;
  const progress = out.progress('stop the sandbox');
  await down({ root: ROOT });
  rmSync(STARTED, { force: true });
  progress.done();
}
