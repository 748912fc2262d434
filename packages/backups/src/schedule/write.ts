import {
  type Finding,
  folderInRepository,
  homeOf,
  isInside,
  type LoadedConfig,
  movedTo,
  type PrintedFile,
  setUpLine,
  slugOf,
  type TaskContext,
} from '@drydock/kit';
import { backupsSection } from '../config/backups.ts';
import type { jobsOf } from './jobs.ts';
import { keepsNothingElsewhere, storeFolders } from './needs.ts';

export const FORMATS = ['cron', 'systemd', 'github', 'kubernetes'] as const;
export type Format = (typeof FORMATS)[number];

export interface Writing {
  config: LoadedConfig;
  env: TaskContext['env'];
  flags: { user: string | undefined; image: string | undefined; onlyWhile: string | undefined };
  folder: string;
  jobs: ReturnType<typeof jobsOf>;
}

/** What the lines of a crontab stand under. */
export function blockOf({ product }: LoadedConfig, env: string): string {
  return `${slugOf(product)}-backups-${env}`;
}

/** The files of one format, by the jobs of an environment. */
export async function writeSchedule(
  format: Format,
  { config, env, flags, folder, jobs }: Writing,
): Promise<PrintedFile[]> {
  const { timeZone, marginMinutes: margin, maxMinutes: max } = backupsSection.of(config).schedule;
  const slug = slugOf(config.product);
  switch (format) {
    case 'cron': {
      const { crontab } = await import('./crontab.ts');
      return [crontab(jobs, { folder, timeZone, name: blockOf(config, env) })];
    }
    case 'systemd': {
      const { systemdUnits } = await import('./systemd.ts');
      const writable = [config.root, ...storeFolders(config)].map((path) => movedTo(folder, config, path));
      return systemdUnits(jobs, {
        folder,
        writable: writable.filter((path) => !writable.some((other) => isInside(path, other))),
        secrets: `/etc/${slug}`,
        user: flags.user ?? slug,
        timeZone,
        margin,
        max,
      });
    }
    case 'github': {
      const { githubWorkflow } = await import('./github.ts');
      const isSecret = (name: string) => config.variables[name]?.secret ?? true;
      return [
        githubWorkflow(jobs, {
          ...{ env, timeZone, max, isSecret, onlyWhile: flags.onlyWhile },
          setUp: setUpLine(config, 'operate'),
          folder: folderInRepository(config),
        }),
      ];
    }
    case 'kubernetes': {
      const { cronJobs } = await import('./kubernetes.ts');
      return [cronJobs(jobs, { env, image: flags.image ?? `${slug}-operations:CHANGE-ME`, timeZone, margin, max })];
    }
  }
}

/** What is true of this machine and not of a runner or a pod. */
export function remoteFindings(
  config: LoadedConfig,
  format: Format,
  { image }: Pick<Writing['flags'], 'image'>,
): Finding[] {
  const findings: Finding[] = [];
  const add = (code: string, message: string, hint: string) => findings.push({ level: 'warn', code, message, hint });
  if (keepsNothingElsewhere(config))
    add(
      'STORE_THROWN_AWAY',
      `Backups go to a folder, and the disk of a ${format === 'github' ? 'runner' : 'pod'} is thrown away after the job.`,
      'Add a store of kind s3 to the backups of drydock.config.ts.',
    );
  if (!isInside(config.file, homeOf(config)))
    add(
      'CONFIG_ELSEWHERE',
      `${config.file} lies outside the toolkit, and will not be there.`,
      'Put the config into the toolkit’s repository, or mend the path after --config.',
    );
  if (format === 'kubernetes' && image === undefined)
    add('IMAGE_MISSING', 'The image is a placeholder.', 'Name yours: --image IMAGE');
  return findings;
}
