import { type Environment, exec, type LoadedConfig } from '@drydock/kit';
import { UNKNOWN_VERSION } from './driver/types.ts';

/**
 * The commit that serves in an environment, for those who ask what it still uses of the database. Undefined where nothing serves, where
 * nobody can say, or where this clone does not have it: then whoever asks takes the most for used.
 */
export async function servingCommit(config: LoadedConfig, environment: Environment): Promise<string | undefined> {
  // Of a product that is released by other means nothing more is loaded.
  if (config.written.release === undefined) return undefined;
  const commit = await liveCommit(config, environment);
  if (commit === undefined || commit === UNKNOWN_VERSION) return undefined;
  const { code } = await exec('git', ['cat-file', '-e', `${commit}^{commit}`], {
    cwd: config.root,
    okCodes: [1, 128],
  });
  return code === 0 ? commit : undefined;
}

async function liveCommit(config: LoadedConfig, environment: Environment): Promise<string | undefined> {
  const { driverOf } = await import('./driver/driver.ts');
  try {
    return (await driverOf(config, environment).inspect()).live?.commit;
  } catch {
    // A proxy that cannot be asked stops a release by itself, and is none of a migration's business.
    return undefined;
  }
}
