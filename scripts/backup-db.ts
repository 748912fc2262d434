#!/usr/bin/env node
// What a schedule calls (runbook section 5): a backup, then pruning, with a check-in at Sentry's cron monitor.
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { confirmation, jobName, runScheduled, runScript } from '@drydock/backups';
import {
  type CheckIn,
  ENV_NAMES,
  type EnvName,
  type LoadedConfig,
  loadConfig,
  loadEnvironment,
  OpsError,
  openCheckIn,
  readRuns,
  toOpsError,
  usageError,
} from '@drydock/kit';

const SCRIPTS = join(import.meta.dirname, '../packages/backups/scripts');
const TASKS = { backup: 'db:backup', prune: 'backup:prune' } as const;
type Part = keyof typeof TASKS;
const PARTS = Object.keys(TASKS) as Part[];
const HELP = `node scripts/backup-db.ts --env production --reason scheduled

db:backup, then backup:prune if that went well, with a check-in at Sentry's cron monitor where SENTRY_DSN is set.
Nobody is asked: who names the environment here has confirmed it. A run that was killed is finished first of all.
npm run backup:schedule prints what calls this.

  --env development|staging|production  environment to work on (default development)
  --reason TEXT                         kept in the audit events (default scheduled)
  --only backup|prune                   one of the two, for a schedule of its own
  --config FILE                         use this drydock.config.ts instead of the nearest one upward
  --help                                show this help

Exit codes: 0 done, otherwise that of the first task that failed`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      env: { type: 'string', default: 'development' },
      reason: { type: 'string', default: 'scheduled' },
      only: { type: 'string' },
      config: { type: 'string' },
      help: { type: 'boolean' },
    },
  });
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const env = oneOf('--env', ENV_NAMES, values.env);
  const parts = values.only === undefined ? PARTS : [oneOf('--only', PARTS, values.only)];
  const config = await loadConfig(values.config, process.cwd());
  return runScheduled({
    tasks: parts.map((part) => ({
      name: TASKS[part],
      script: join(SCRIPTS, `${part}.ts`),
      args: ['--env', env, '--config', config.file, ...confirmation(config, env, values.reason)],
    })),
    run: (task) =>
      runScript(isUnfinished(config, task.name, env) ? { ...task, args: [...task.args, '--resume'] } : task),
    checkIn: checkInOf(config, env, parts[0] ?? 'backup'),
    warn,
  });
}

/** A run that was killed stands in the way of a new one, and here nobody is asked. */
function isUnfinished(config: LoadedConfig, task: string, env: EnvName): boolean {
  return readRuns(config.root).some((run) => run.status === 'open' && run.task === task && run.env === env);
}

function checkInOf(config: LoadedConfig, env: EnvName, part: Part): CheckIn | undefined {
  const { schedule } = config.backups;
  try {
    const dsn = loadEnvironment(config, env, process.env).get('SENTRY_DSN');
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
    warn(toOpsError(error).message);
    return undefined;
  }
}

function oneOf<const C extends string>(flag: string, choices: readonly C[], text: string): C {
  const choice = choices.find((one) => one === text);
  if (choice !== undefined) return choice;
  throw usageError('USAGE', `${flag} must be one of ${choices.join(', ')}, not "${text}".`, 'See --help.');
}

function warn(text: string): void {
  console.error(`! ${text}`);
}

function explain(thrown: unknown): number {
  const usage = (thrown as { code?: string }).code?.startsWith('ERR_PARSE_ARGS');
  const { message, hint, exit } = usage
    ? new OpsError({ code: 'USAGE', message: (thrown as Error).message, hint: 'See --help.', exit: 2 })
    : toOpsError(thrown);
  console.error(`✖ ${message}${hint ? `\n  ${hint}` : ''}`);
  return exit;
}

// A Sentry that does not answer would keep an open socket, and with it this process.
process.exit(await main().catch(explain));
