import { isAbsolute, join, relative, resolve } from 'node:path';
import {
  defineReadTask,
  type Finding,
  flag,
  type Json,
  type LoadedConfig,
  type TaskContext,
  usageError,
} from '@drydock/kit';
import { type PrintedFile, printFiles } from '../printed.ts';
import { jobsOf } from '../schedule/jobs.ts';
import { keepsNothingElsewhere, storeFolders } from '../schedule/needs.ts';
import { slugOf } from '../slug.ts';

const TOOLKIT = resolve(import.meta.dirname, '../../../..');
const TASK = 'backup:schedule';
const FORMATS = ['cron', 'systemd', 'github', 'kubernetes'] as const;
type Format = (typeof FORMATS)[number];
/** Where a flag says something; elsewhere it would be ignored in silence. */
const FLAG_OF = { folder: ['cron', 'systemd'], user: ['systemd'], image: ['kubernetes'] } as const;

const flags = {
  format: {
    ...flag.choice(FORMATS, { about: 'crontab lines, service and timer units, a workflow, or CronJobs' }),
    required: true,
  },
  folder: flag.text({ value: 'DIR', about: 'cron, systemd: where the toolkit lies on that host (default: as here)' }),
  user: flag.text({ value: 'NAME', about: 'systemd: who backs up (default: the name of the product)' }),
  image: flag.text({ value: 'IMAGE', about: 'kubernetes: a container image with the toolkit' }),
  file: flag.text({ value: 'NAME', about: 'print this one of several files alone' }),
};
type Flags = TaskContext<typeof flags>['flags'];

export const scheduleTask = defineReadTask({
  name: TASK,
  summary: 'Prints what runs backup, prune and drill by itself: for cron, systemd, GitHub or Kubernetes.',
  description:
    'When is backups.schedule in drydock.config.ts. Prints only; alone on stdout, for a file or a pipe. What is run is\n' +
    'scripts/backup-db.ts, which backs up, prunes, and tells Sentry of start, end and failure.',
  examples: [
    '( crontab -l; npm run -s backup:schedule -- --format cron --env production ) | crontab -',
    'npm run -s backup:schedule -- --format systemd --env production --file shop-backup-production.timer',
    'npm run -s backup:schedule -- --format github --env production > .github/workflows/backups.yml',
    'npm run -s backup:schedule -- --format kubernetes --env production --image IMAGE | kubectl apply -f -',
  ],
  flags,
  writesDocument: () => true,
  async run({ config, env, flags }) {
    const format = flags.format as Format;
    refuseForeignFlags(format, flags);
    const remote = format === 'github' || format === 'kubernetes';
    const folder = resolveFolder(flags.folder);
    const jobs = jobsOf(config, env, configFile(config, folder));
    const files = await write(format, { config, env, flags, folder, jobs });
    return {
      verdict: `${jobs.length} jobs of ${env} for ${format}; nothing was changed.`,
      data: { format, jobs, files } as unknown as Json,
      findings: remote ? remoteFindings(config, format, flags) : [],
      document: printFiles(files, flags.file, TASK),
    };
  },
});

interface Writing {
  config: LoadedConfig;
  env: TaskContext['env'];
  flags: Flags;
  folder: string;
  jobs: ReturnType<typeof jobsOf>;
}

async function write(format: Format, { config, env, flags, folder, jobs }: Writing): Promise<PrintedFile[]> {
  const { timeZone, marginMinutes: margin, maxMinutes: max } = config.backups.schedule;
  const slug = slugOf(config.product);
  switch (format) {
    case 'cron': {
      const { crontab } = await import('../schedule/crontab.ts');
      return [crontab(jobs, { folder, timeZone })];
    }
    case 'systemd': {
      const { systemdUnits } = await import('../schedule/systemd.ts');
      const writable = [config.root, ...storeFolders(config)].map((path) => moved(path, folder));
      return systemdUnits(jobs, {
        folder,
        writable: writable.filter((path) => !writable.some((other) => isInside(path, other))),
        secrets: `/etc/${slug}`,
        user: flags.user ?? slug,
        timeZone,
        max,
      });
    }
    case 'github': {
      const { githubWorkflow } = await import('../schedule/github.ts');
      const isSecret = (name: string) => config.variables[name]?.secret ?? true;
      return [githubWorkflow(jobs, { env, timeZone, max, isSecret })];
    }
    case 'kubernetes': {
      const { cronJobs } = await import('../schedule/kubernetes.ts');
      return [cronJobs(jobs, { env, image: flags.image ?? `${slug}-operations:CHANGE-ME`, timeZone, margin, max })];
    }
  }
}

function refuseForeignFlags(format: Format, flags: Flags): void {
  for (const name of ['folder', 'user', 'image'] as const) {
    const formats: readonly string[] = FLAG_OF[name];
    if (flags[name] === undefined || formats.includes(format)) continue;
    throw usageError(
      'USAGE',
      `--${name} says nothing for ${format}; it is for ${formats.join(' and ')}.`,
      `See the flags: npm run ${TASK} -- --help`,
    );
  }
}

function resolveFolder(folder = TOOLKIT): string {
  if (isAbsolute(folder)) return resolve(folder);
  throw usageError('USAGE', `--folder must be a whole path, not "${folder}".`, 'For example: --folder /srv/drydock');
}

/** What the toolkit would not find by itself. */
function configFile({ file }: LoadedConfig, folder: string): string | undefined {
  if (file === join(TOOLKIT, 'drydock.config.ts')) return undefined;
  return isInside(file, TOOLKIT) ? relative(TOOLKIT, file) : moved(file, folder);
}

/** A path of this machine on the host where the toolkit lies in `folder`. */
function moved(path: string, folder: string): string {
  if (path === TOOLKIT) return folder;
  return isInside(path, TOOLKIT) ? join(folder, relative(TOOLKIT, path)) : path;
}

function isInside(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way !== '' && !way.startsWith('..') && !isAbsolute(way);
}

/** What is true of this machine and not of a runner or a pod. */
function remoteFindings(config: LoadedConfig, format: Format, { image }: Flags): Finding[] {
  const findings: Finding[] = [];
  const add = (code: string, message: string, hint: string) => findings.push({ level: 'warn', code, message, hint });
  if (keepsNothingElsewhere(config))
    add(
      'STORE_THROWN_AWAY',
      `Backups go to a folder, and the disk of a ${format === 'github' ? 'runner' : 'pod'} is thrown away after the job.`,
      'Add a store of kind s3 to the backups of drydock.config.ts.',
    );
  if (config.file !== join(TOOLKIT, 'drydock.config.ts') && !isInside(config.file, TOOLKIT))
    add(
      'CONFIG_ELSEWHERE',
      `${config.file} lies outside the toolkit, and will not be there.`,
      'Put the config into the toolkit’s repository, or mend the path after --config.',
    );
  if (format === 'kubernetes' && image === undefined)
    add('IMAGE_MISSING', 'The image is a placeholder.', 'Name yours: --image IMAGE');
  return findings;
}
