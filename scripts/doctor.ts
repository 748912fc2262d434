#!/usr/bin/env node
import { existsSync } from 'node:fs';
import {
  command,
  counted,
  defineReadTask,
  type Finding,
  flag,
  hintOn,
  INSTALLED,
  type Json,
  main,
  type Outcome,
  type TaskContext,
  usageError,
} from '@drydock/kit';
import { machineChecks } from './doctor/machine.ts';

const task = defineReadTask({
  name: 'doctor',
  summary: 'Shows what was found on this machine and what is wrong; with --env, what of an environment works.',
  description:
    'With --env it connects to everything that the config names for that environment, all at once, for 3 seconds at most: the database with the rights of its\n' +
    "role, the product's own way there, Redis, the chain, the stores of backups, Sentry, the proxy, the health route. It changes nothing. What is not\n" +
    'configured is no fault, and of what a product does not have nothing is said. Exit 3 if something that is configured does not work.',
  examples: ['npm run doctor', 'npm run doctor -- --env staging', 'npm run doctor -- --json'],
  perEnvironment: false,
  withoutConfig: true,
  flags: {
    env: flag.environment({ about: 'environment to connect to (default: none, this machine alone)' }),
    within: flag.duration({ about: 'wait so long for answers (default: 2s)' }),
  },
  async run(ctx) {
    return ctx.flags.env === undefined ? thisMachine(ctx) : thatEnvironment(ctx, ctx.flags.env, ctx.flags.within);
  },
});

function thisMachine({ config, out }: TaskContext): Outcome {
  const checks = machineChecks(config.root, { state: existsSync(config.file) });
  out.table(
    ['', 'what', 'version', 'where'],
    checks.map(({ name, found, version, problem }) => [problem ? '✖' : '✔', name, version, found]),
  );
  const findings = checks.flatMap(({ problem }): Finding[] =>
    problem ? [{ level: 'error', code: 'MACHINE', message: problem }] : [],
  );
  return {
    verdict:
      findings.length === 0
        ? 'This machine has what it takes.'
        : `${findings.length} ${findings.length === 1 ? 'thing is' : 'things are'} wrong on this machine.`,
    data: { checks: checks as unknown as Json },
    findings,
    ...(findings.length > 0 && !INSTALLED ? { next: 'npm run prepare-machine' } : {}),
  };
}

const MARKS = { works: '✔', fails: '✖', doubt: '!', unset: '·' } as const;

async function thatEnvironment(ctx: TaskContext, env: string, within: number | undefined): Promise<Outcome> {
  const { config, out, json } = ctx;
  if (!existsSync(config.file))
    throw usageError('CONFIG_MISSING', `${config.root} has no drydock.config.ts yet.`, command('init'));
  const { examine } = await import('./doctor/environment.ts');
  const rows = await examine(ctx, ctx.environmentOf(env), within);
  const next = (of: (typeof rows)[number]) => of.next && hintOn(env, of.next);
  out.table(
    ['', env, 'found', 'next'],
    rows.map((row) => [MARKS[row.state], row.what, row.found, row.state === 'works' ? '' : ctx.typed(next(row) ?? '')]),
  );
  const of = (state: keyof typeof MARKS) => rows.filter((row) => row.state === state);
  const wrong = of('fails');
  const unset = of('unset').map(({ what }) => what);
  return {
    verdict:
      wrong.length === 0
        ? `What is configured of ${env} works${unset.length > 0 ? `; not configured: ${unset.join(', ')}` : ''}.`
        : `${counted(wrong.length, 'thing')} of ${env} ${wrong.length === 1 ? 'does' : 'do'} not work: ${wrong.map(({ what }) => what).join(', ')}.`,
    ok: wrong.length === 0,
    data: { env, checks: rows.map((row) => ({ ...row, next: ctx.typed(next(row) ?? '') })) },
    // A person has them in the table, each with its next command.
    findings: json
      ? [...wrong, ...of('doubt')].map((row) => ({
          level: row.state === 'fails' ? 'error' : 'warn',
          code: row.code,
          message: `${row.what}: ${row.found}`,
          hint: next(row),
        }))
      : [],
    ...(wrong.length === 0 ? { next: command('db:status', { env }) } : {}),
  };
}

export default task;
await main(task, import.meta);
