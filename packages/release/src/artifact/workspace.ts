import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { acquireFileLock, OpsError } from '@drydock/kit';
import { workRoot } from './nearby.ts';

/** Another build of this user is waited for so long. */
const LONGEST_MS = 30 * 60_000;
const LOOK_MS = 250;

/**
 * A fresh folder to build in, that goes when `work` ends. It is the same one whichever checkout builds: many builds write down where
 * they ran (https://reproducible-builds.org/docs/build-path/). One build of a user at a time has it, others wait.
 */
export async function inWorkspace<T>(
  { product, run, signal, onLine }: { product: string; run: string; signal: AbortSignal; onLine(line: string): void },
  work: (folder: string) => Promise<T>,
): Promise<T> {
  const root = workRoot();
  const name = product.replaceAll(/[^\w.-]+/g, '-');
  const lock = await untilFree(root, name, { run, signal, onLine });
  const folder = join(root, name);
  try {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { mode: 0o755 });
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
    await lock.release();
  }
}

async function untilFree(
  root: string,
  name: string,
  { run, signal, onLine }: { run: string; signal: AbortSignal; onLine(line: string): void },
) {
  const deadline = Date.now() + LONGEST_MS;
  for (let told = false; ; told = true) {
    try {
      const breakIt = `rm ${join(root, '.drydock/locks', `build-${name}.json`)}`;
      return acquireFileLock(root, `build-${name}`, { task: 'release:build', run, reason: undefined }, breakIt);
    } catch (error) {
      if (!(error instanceof OpsError && error.code === 'LOCKED') || Date.now() > deadline) throw error;
      if (!told) onLine(`waiting: ${error.message}`);
      await sleep(LOOK_MS, undefined, { signal });
    }
  }
}
