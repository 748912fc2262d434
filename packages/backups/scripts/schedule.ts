#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import {
  command,
  configFile,
  defineReadTask,
  flag,
  hint,
  homeOf,
  type Json,
  main,
  printFiles,
  type TaskContext,
  usageError,
  written,
} from '@drydock/kit';
import { backupsSection } from '../src/config/backups.ts';
import { clashesOf } from '../src/schedule/clashes.ts';
import { withoutJobs } from '../src/schedule/crontab.ts';
import { jobsOf } from '../src/schedule/jobs.ts';
import { blockOf, FORMATS, type Format, remoteFindings, writeSchedule } from '../src/schedule/write.ts';

const TASK = 'backup:schedule';
/** Where a flag says something; elsewhere it would be ignored in silence. */
const FLAG_OF = {
  folder: ['cron', 'systemd'],
  user: ['systemd'],
  image: ['kubernetes'],
  onlyWhile: ['github'],
  into: ['cron'],
} as const;

const flags = {
  format: {
    ...flag.choice(FORMATS, { about: 'crontab lines, service and timer units, a workflow, or CronJobs' }),
    required: true,
  },
  folder: flag.text({ value: 'DIR', about: 'cron, systemd: where the toolkit lies on that host (default: as here)' }),
  user: flag.text({ value: 'NAME', about: 'systemd: who backs up (default: the name of the product)' }),
  image: flag.text({ value: 'IMAGE', about: 'kubernetes: a container image with the toolkit' }),
  onlyWhile: flag.text({
    value: 'VARIABLE',
    about: 'github: jobs begin by themselves only while this variable of the repository is `on`',
  }),
  into: flag.text({ value: 'FILE', about: 'cron: print the crontab of this file, with these jobs in it once' }),
  file: flag.text({ value: 'NAME', about: 'print this one of several files alone' }),
};
type Flags = TaskContext<typeof flags>['flags'];

const task = defineReadTask({
  name: TASK,
  summary: 'Prints what runs backup, prune, drill and check by itself: for cron, systemd, GitHub or Kubernetes.',
  description:
    'When is backups.schedule in drydock.config.ts. Prints only; alone on stdout, for a file or a pipe. What is run is\n' +
    'scripts/backup-db.ts, which backs up, prunes, drills, checks, and tells Sentry of start, end and failure.',
  examples: [
    'crontab -l > before; npm run -s backup:schedule -- --format cron --env production --into before > after && crontab after',
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
    const folder = resolveFolder(flags.folder ?? homeOf(config));
    const jobs = jobsOf(config, env, configFile(config, folder));
    const before =
      flags.into === undefined ? '' : withoutJobs(readFileSync(flags.into, 'utf8'), jobs, blockOf(config, env));
    const given = { ...flags, onlyWhile: variableName(flags.onlyWhile) };
    const files = written(await writeSchedule(format, { config, env, flags: given, folder, jobs }));
    return {
      verdict: `${jobs.length} jobs of ${env} for ${format}; nothing was changed.`,
      data: { format, jobs, files } as unknown as Json,
      findings: [
        ...(remote ? remoteFindings(config, format, flags) : []),
        ...clashesOf(jobs, backupsSection.of(config).schedule.timeZone, new Date(), format),
      ],
      document: `${before}${printFiles(files, flags.file, TASK)}`,
    };
  },
});

function refuseForeignFlags(format: Format, flags: Flags): void {
  for (const name of ['folder', 'user', 'image', 'onlyWhile', 'into'] as const) {
    const formats: readonly string[] = FLAG_OF[name];
    if (flags[name] === undefined || formats.includes(format)) continue;
    throw usageError(
      'USAGE',
      `--${name === 'onlyWhile' ? 'only-while' : name} says nothing for ${format}; it is for ${formats.join(' and ')}.`,
      hint`See the flags: ${command('backup:schedule', { help: true })}`,
    );
  }
}

/** It becomes a part of an expression. */
function variableName(name: string | undefined): string | undefined {
  if (name === undefined || /^[A-Za-z_]\w*$/.test(name)) return name;
  throw usageError('USAGE', `--only-while must be the name of a variable, not "${name}".`, 'For example: BACKUPS');
}

function resolveFolder(folder: string): string {
  if (isAbsolute(folder)) return resolve(folder);
  throw usageError('USAGE', `--folder must be a whole path, not "${folder}".`, 'For example: --folder /srv/drydock');
}

export default task;
await main(task, import.meta);
