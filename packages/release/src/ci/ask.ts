import { type Environment, exec, type LoadedConfig } from '@drydock/kit';
import type { CiConfig } from '../config/ci.ts';
import { askGithub, type Repository, repositoryOf } from './github.ts';
import { readRecorded } from './recorded.ts';
import type { Verdict } from './types.ts';

export interface AboutCi {
  config: LoadedConfig;
  ci: CiConfig;
  /** Of the run: what is recorded in any of them counts. The last one's shell asks GitHub. */
  environments: readonly Environment[];
  commit: string;
  /** GitHub is not asked. */
  offline: boolean;
  signal: AbortSignal;
}

/** Did the tests of this very commit pass? GitHub's no is a no; where it has no answer, what is recorded counts. */
export async function askCi({ config, ci, environments, commit, offline, signal }: AboutCi): Promise<Verdict> {
  const asks = ci.by === 'github' || ci.by === 'auto';
  const repository = asks ? await repositoryIn(config, ci) : undefined;
  const [environment] = environments.slice(-1);
  const github =
    repository && environment && !offline
      ? await askGithub(repository, commit, { wanted: ci.checks, environment, signal })
      : undefined;
  if (github && github.state !== 'none' && github.state !== 'unknown') return github;
  if (ci.by === 'github')
    return github ?? { state: 'unknown', says: offline ? 'GitHub was not to be asked' : NO_REPOSITORY };
  const recorded = await readRecorded(config, environments, commit);
  if (recorded.state !== 'unknown' || !github) return recorded;
  return { ...github, says: `${github.says}; ${recorded.says}` };
}

const NO_REPOSITORY = 'origin is not on GitHub, and release.ci.repository names none';

export async function repositoryIn(config: LoadedConfig, { repository }: CiConfig): Promise<Repository | undefined> {
  const { stdout } = await exec('git', ['config', '--get', 'remote.origin.url'], {
    cwd: config.root,
    okCodes: [1, 128],
  });
  return repositoryOf(repository, stdout.trim());
}
