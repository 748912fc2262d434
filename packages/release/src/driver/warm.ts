import type { HostFolder, Placed } from '../host/folder.ts';
import type { LocalInstances } from './instances.ts';
import { instancesIn } from './placed.ts';
import type { Progress } from './types.ts';

/**
 * Starts a version again that runs and gets no traffic: all of it at once. That it ran is on record until it is ready, so that one that was killed
 * meanwhile is not taken for one that was ended.
 */
export async function restartWarm(
  { host, instances }: { host: HostFolder; instances: LocalInstances },
  placed: Placed,
  env: Record<string, string>,
  progress: Progress,
): Promise<void> {
  if (!placed.restarting && !instances.someRun(placed)) return;
  const old = instancesIn(placed).filter(({ name }) => !instances.runsWith(name, env));
  if (old.length > 0) {
    host.put({ ...placed, restarting: true });
    progress.onLine(`starting version ${placed.version} in slot ${placed.slot} again, which is kept warm`);
    await instances.start(placed, env, old);
  }
  await instances.untilReady(placed, progress);
  if (old.length > 0 || placed.restarting) host.put({ ...placed, restarting: undefined });
}
