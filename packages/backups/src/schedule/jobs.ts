import { type EnvName, environmentSettings, INSTALLED, type LoadedConfig, slugOf, taskWords } from '@drydock/kit';
import { backupsSection } from '../config/backups.ts';
import { variablesOf } from './needs.ts';

export type JobKind = 'backup' | 'prune' | 'drill' | 'check';

/** What is to run when: every format is written from this. */
export interface Job {
  kind: JobKind;
  /** Of its unit, its CronJob and its Sentry monitor: `shop-backup-production`. */
  name: string;
  about: string;
  /** Five fields of cron. */
  cron: string;
  /** Run in the folder of `homeOf`; the first word is `node`, `npm` or `npx`. */
  command: string[];
  /** Variables that must reach it. */
  variables: string[];
}

/** The jobs of an environment. `configFile` is left out where the toolkit finds it by itself. */
export function jobsOf(config: LoadedConfig, env: EnvName, configFile?: string): Job[] {
  const { prune, backup, drill, check, marginMinutes } = backupsSection.of(config).schedule;
  const job = (kind: JobKind, about: string, cron: string, command: string[]): Job => ({
    kind,
    name: jobName(config, kind, env),
    about,
    cron,
    command,
    variables: variablesOf(config, kind),
  });
  const where = ['--env', env, ...(configFile ? ['--config', configFile] : [])];
  const script = (only: string[]) => {
    // Whoever works on the environment at that time is waited for: a night without a backup is one too many.
    const args = [...where, '--reason', 'scheduled', '--lock-wait', `${marginMinutes}m`, ...only];
    return INSTALLED ? taskWords('backup-db', args) : ['node', 'scripts/backup-db.ts', ...args];
  };
  return [
    prune
      ? job('backup', 'a backup', backup, script(['--only', 'backup']))
      : job('backup', 'a backup, then pruning', backup, script([])),
    ...(prune ? [job('prune', 'pruning', prune, script(['--only', 'prune']))] : []),
    job('drill', 'a restore drill', drill, script(['--only', 'drill'])),
    job('check', 'a look at whether the newest backup is one of what runs now', check, script(['--only', 'check'])),
  ];
}

export function jobName({ product }: LoadedConfig, kind: JobKind, env: EnvName): string {
  return `${slugOf(product)}-${kind}-${env}`;
}

/** What stands for the person who would type the name of a guarded environment. */
export function confirmation(config: LoadedConfig, env: EnvName, reason = 'scheduled'): string[] {
  return [
    '--yes',
    ...(environmentSettings(config, env).guard === 'confirm' ? ['--confirm', env] : []),
    '--reason',
    reason,
  ];
}
