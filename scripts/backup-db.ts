#!/usr/bin/env node
// What a schedule calls (runbook section 5): a backup, then pruning, with a check-in at Sentry's cron monitor.
import {
  backupsSection,
  type CheckIn,
  confirmation,
  jobName,
  Kept,
  openCheckIn,
  runScheduled,
  runScript,
} from '@drydock/backups';
import {
  defineReadTask,
  type EnvName,
  flag,
  type LoadedConfig,
  main,
  OpsError,
  ownOpenRuns,
  type TaskContext,
  toOpsError,
} from '@drydock/kit';
import { taskFile } from '@drydock/kit/cli';

const TASKS = { backup: 'db:backup', prune: 'backup:prune', drill: 'backup:drill', check: 'backup:check' } as const;
type Part = keyof typeof TASKS;
const PARTS = Object.keys(TASKS) as Part[];
/** What changes nothing takes no confirmation and no lock. */
const READS: readonly Part[] = ['check'];

const task = defineReadTask({
  name: 'backup-db',
  summary: "db:backup, then backup:prune if that went well, with a check-in at Sentry's cron monitor.",
  description:
    'Nobody is asked: who names the environment here has confirmed it. A run that was killed is finished first of all. Ends with the exit\n' +
    'code of the first task that failed. The monitor is told where SENTRY_DSN is set. npm run backup:schedule prints what calls this.',
  examples: [
    'node scripts/backup-db.ts --env production --reason scheduled --lock-wait 30m',
    'node scripts/backup-db.ts --env production --only drill --quiet',
  ],
  endsItself: true,
  flags: {
    reason: flag.text({ about: 'kept in the audit events (default scheduled)' }),
    only: flag.choice(PARTS, {
      about: 'one of them, for a schedule of its own; drill and check are never done without it',
    }),
    lockWait: flag.duration({ about: 'wait so long for a lock that another holds (default: refuse at once)' }),
    quiet: flag.boolean({ about: 'say nothing of what goes well: cron mails whatever is said' }),
  },
  async run(ctx) {
    const { config, env, flags, json, out } = ctx;
    const parts: Part[] = flags.only ? [flags.only] : ['backup', 'prune'];
    const where = ['--env', env, '--config', config.file];
    const wait = flags.lockWait === undefined ? [] : ['--lock-wait', `${flags.lockWait}ms`];
    const change = [...where, ...confirmation(config, env, flags.reason ?? 'scheduled'), ...wait];
    const kept = flags.quiet ? new Kept() : undefined;
    const code = await runScheduled({
      tasks: parts.map((part) => ({
        name: TASKS[part],
        script: taskFile(TASKS[part]),
        args: READS.includes(part) ? where : change,
      })),
      run: (one) => {
        const resume = isUnfinished(config, one.name, env) ? ['--resume'] : [];
        return runScript({ ...one, args: [...one.args, ...resume] }, kept ?? (json ? 2 : 'inherit'));
      },
      checkIn: checkInOf(ctx, parts[0] ?? 'backup'),
      warn: out.warn,
    });
    if (code !== 0 && kept) out.lines(kept.text());
    if (code !== 0)
      throw new OpsError({ code: 'TASK_FAILED', message: `It ended with exit code ${code}; see above.`, exit: code });
    return { verdict: `${parts.map((part) => TASKS[part]).join(' and ')} of ${env} went well.`, quiet: flags.quiet };
  },
});

/** A run that was killed stands in the way of a new one, and here nobody is asked. */
function isUnfinished(config: LoadedConfig, task: string, env: EnvName): boolean {
  return ownOpenRuns(config, task, env).length > 0;
}

function checkInOf(
  { config, env, environment, out }: Pick<TaskContext, 'config' | 'env' | 'environment' | 'out'>,
  part: Part,
): CheckIn | undefined {
  const { schedule } = backupsSection.of(config);
  try {
    const dsn = environment.get('SENTRY_DSN');
    if (!dsn) return undefined;
    return openCheckIn({
      ...schedule,
      dsn,
      env,
      slug: jobName(config, part, env),
      cron: schedule[part] ?? schedule.backup,
    });
  } catch (error) {
    // A monitor that cannot be told is no reason to go without a backup.
    out.warn(toOpsError(error).message);
    return undefined;
  }
}

export default task;
await main(task, import.meta);
