#!/usr/bin/env node
import { command, counted, defineChangeTask, defineStep, type Finding, flag, main, OpsError } from '@drydock/kit';
import { type BaselinePlan, planBaseline, refuseDifferent } from '../src/baseline/baseline.ts';
import { recordBaseline } from '../src/migrations/resolve.ts';
import { targetOf } from '../src/target.ts';

const task = defineChangeTask({
  name: 'db:baseline',
  summary: 'Records as applied what a database holds that came before its migrations, if it is what they make.',
  description:
    'The migrations are applied to an empty scratch database, and what they make there is compared with what is here, object by object: tables,\n' +
    'columns, indexes, constraints, types, functions, triggers, views, policies. What is lacking or different is refused (exit 3) and named; what\n' +
    "is here besides is told. Then they are recorded in Prisma's table, all or none: its CLI agrees, and db:deploy applies what follows. No table\n" +
    'of the product is changed, and no row is looked at.',
  examples: [
    'npm run db:baseline -- --env production --check',
    'npm run db:baseline -- --env production --yes --confirm production --reason "came from the old host"',
    'npm run db:baseline -- --env staging --through 20260706090000_certificates',
  ],
  flags: {
    through: flag.text({
      value: 'NAME',
      about: 'the last migration that is here already (default: all of the folder)',
    }),
    check: flag.boolean({ about: 'tell all that differs, and record nothing' }),
    acceptDifferences: flag.boolean({ about: 'record them although something differs' }),
  },
  lock: 'environment',
  onFailure: 'keep',
  look({ config, environment, env, flags }) {
    if (!flags.check) return undefined;
    return planBaseline(targetOf(config, environment), flags.through).then((plan) => ({
      verdict:
        plan.differs.length === 0
          ? `${env} has all ${counted(plan.objects, 'object')} that ${counted(plan.names.length, 'migration makes', 'migrations make')}.`
          : `${env} is not what ${counted(plan.names.length, 'migration makes', 'migrations make')}.`,
      data: plan,
      findings: findingsOf(plan, 'error'),
      ...(plan.differs.length === 0 ? { next: command('db:baseline', { env }) } : {}),
    }));
  },
  async plan({ config, environment, flags }): Promise<BaselinePlan> {
    const target = targetOf(config, environment);
    const plan = await planBaseline(target, flags.through);
    if (!flags.acceptDifferences) refuseDifferent(target, plan);
    return plan;
  },
  describe: ({ names, differs, besides }) => [
    `record as applied ${names.length === 1 ? names[0] : `${names.length} migrations, ${names[0]} to ${names.at(-1)}`}`,
    ...(differs.length > 0 ? [`although ${counted(differs.length, 'object differs', 'objects differ')}`] : []),
    ...(besides.length > 0
      ? [`${counted(besides.length, 'object is', 'objects are')} here that they do not make`]
      : []),
  ],
  steps({ config, environment }, { names }) {
    const target = targetOf(config, environment);
    return [
      defineStep({
        name: 'record',
        run: async () => ({ recorded: await recordBaseline(target, names) }),
        async verify() {
          const { readState } = await import('../src/migrations/state.ts');
          const { applied } = await readState(target);
          const missing = names.find((name) => !applied.includes(name));
          if (missing)
            throw new OpsError({ code: 'MIGRATION_NOT_RECORDED', message: `${missing} is not recorded as applied.` });
        },
      }),
    ];
  },
  outcome: ({ env }, plan) => ({
    verdict: `${counted(plan.names.length, 'migration is', 'migrations are')} recorded as applied on ${env}.`,
    data: plan,
    findings: findingsOf(plan, 'warn'),
    next: command('db:status', { env }),
  }),
});

function findingsOf({ differs, besides }: BaselinePlan, level: Finding['level']): Finding[] {
  return [
    ...differs.map((text): Finding => ({ level, code: 'BASELINE_DIFFERS', message: `The database differs: ${text}.` })),
    ...besides.map((text): Finding => ({ level: 'info', code: 'BASELINE_BESIDES', message: `Besides: ${text}.` })),
  ];
}

export default task;
await main(task, import.meta);
