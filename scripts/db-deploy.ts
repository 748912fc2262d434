#!/usr/bin/env node
import { backupStep, backupTarget, makesBackups } from '@drydock/backups';
import {
  backupBeforeDeploy,
  contentFlags,
  contentOf,
  type DeployPlan,
  deploySteps,
  describeCopy,
  foreseeCopy,
  planDeploy,
  rehearseStep,
  targetOf,
} from '@drydock/db';
import { command, defineChangeTask, type Finding, flag, hint, main, namedSteps, type TaskContext } from '@drydock/kit';
import { onBackup } from './rehearsal/on-backup.ts';

const backupFirst = (ctx: TaskContext) => namedSteps('backup first', [backupStep(backupTarget(ctx))]);

const NO_BACKUPS = 'none are set up';

/** Where nobody has set backups up, and the config does not ask for one, a deploy says so and goes on: else a new product could not begin. */
function backupOf({ config, environment, env }: TaskContext): 'first' | 'impossible' | 'unwanted' {
  const wanted = backupBeforeDeploy(config, env);
  if (wanted === 'by itself' && !makesBackups(config, environment)) return 'impossible';
  return wanted ? 'first' : 'unwanted';
}

function unkept(env: string): Finding {
  return {
    level: 'warn',
    code: 'NO_BACKUP_FIRST',
    message: `No backup of ${env} was taken before: ${NO_BACKUPS}.`,
    hint: command('backup:keygen'),
  };
}

async function serving({ config, environment }: TaskContext): Promise<string | undefined> {
  const { servingCommit } = await import('@drydock/release/running');
  return servingCommit(config, environment);
}

const task = defineChangeTask({
  name: 'db:deploy',
  summary: 'Rehearses, then applies the pending migrations, and proves that the schema is what it should be.',
  description:
    'A failed, edited or unknown history is refused, and so is a hazard that the rehearsal counts as an error. Each migration and its\n' +
    'record commit together; a lock that is not free in time is given back and asked for again. What the rehearsal made must be there\n' +
    "afterwards, valid, and new indexes used. Prisma's own CLI agrees before and after. Where customers are served a backup comes first, once backups\n" +
    'are set up; without, it is said that there was none.',
  examples: [
    'npm run db:deploy -- --env staging',
    'npm run db:deploy -- --env production --yes --confirm production --reason "release 12"',
    'npm run db:deploy -- --env staging --accept DESTROYS_ROWS',
  ],
  flags: {
    accept: flag.texts({ value: 'CODE', about: 'take on a hazard that the rehearsal counts as an error' }),
    ...contentFlags,
    running: flag.text({
      value: 'COMMIT',
      about:
        'the version that serves now; default: what the proxy says, or that of the last deploy before this checkout',
    }),
  },
  lock: 'environment',
  onFailure: 'keep',
  async plan(ctx) {
    const target = targetOf(ctx.config, ctx.environment);
    const plan = await planDeploy(target);
    if (plan.pending.length === 0) return { ...plan, backup: 'unwanted' as const, copy: [] };
    const [unshown, backup] = [await foreseeCopy(target), backupOf(ctx)];
    if (backup === 'first' && unshown.old) throw unshown.old;
    return {
      ...plan,
      backup,
      copy: describeCopy(unshown, ctx.flags.fromBackup ? 'backup' : (ctx.flags.data ?? 'copy')),
    };
  },
  describe: ({ pending, squashed = [], backup, copy }) => [
    ...squashed.map(({ name }) => `record ${name}, which stands for what is applied; nothing of it is run`),
    ...(pending.length === 0
      ? []
      : [
          `rehearse, then apply ${pending.length} pending ${pending.length === 1 ? 'migration' : 'migrations'}`,
          ...copy,
          ...(backup === 'impossible' ? [`no backup first: ${NO_BACKUPS}`] : []),
        ]),
  ],
  steps: (ctx, plan) => {
    const target = targetOf(ctx.config, ctx.environment);
    const rehearsed =
      plan.pending.length > 0
        ? rehearseStep(target, {
            ...ctx.flags,
            running: ctx.flags.running ?? (() => serving(ctx)),
            content: () => contentOf(ctx, onBackup),
          })
        : undefined;
    return [
      ...(rehearsed ? [rehearsed] : []),
      ...(plan.backup === 'first' ? [backupFirst(ctx)] : []),
      {
        name: 'migrate',
        plan: async () => plan,
        ahead: async () => plan,
        steps: (planned: DeployPlan) => deploySteps(target, planned, rehearsed),
      },
    ];
  },
  outcome: ({ env }, { pending, squashed = [], backup }) => ({
    verdict:
      pending.length === 0
        ? `${squashed.length > 0 ? `${squashed.map(({ name }) => name).join(', ')} is recorded, and nothing else` : 'Nothing'} was pending on ${env}; the schema is as it should be.`
        : `${pending.length} ${pending.length === 1 ? 'migration is' : 'migrations are'} applied to ${env}.`,
    data: { applied: pending.map(({ name }) => name) },
    ...(backup === 'impossible' ? { findings: [unkept(env)] } : {}),
    ...(pending.length > 0
      ? { next: hint`${command('db:verify', { env })}   (again under load: plans and statements)` }
      : {}),
  }),
});

export default task;
await main(task, import.meta);
