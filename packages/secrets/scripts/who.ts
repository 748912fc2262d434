#!/usr/bin/env node
import { counted, defineReadTask, flag, type Json, main, type Outcome, type TaskContext } from '@drydock/kit';
import { holdingsOf } from '../src/who/holdings.ts';
import { withoutPerson } from '../src/who/without.ts';

const task = defineReadTask({
  name: 'secrets:who',
  summary:
    'Tells who can open what: values at rest, values on their way, env files; and what to rotate when somebody leaves.',
  description:
    'Per environment: who of secrets.team can open what is sealed, and who can read what lies in the clear, by the modes of files. With --without NAME: what\n' +
    'that person could open, as commands to type; git keeps what was sealed before, so a key that is taken out closes nothing. Shows no value.',
  examples: ['npm run secrets:who', 'npm run secrets:who -- --env production', 'npm run secrets:who -- --without ada'],
  perEnvironment: false,
  flags: {
    env: flag.environment({ about: 'of this environment alone (default: of all)' }),
    without: flag.text({ value: 'NAME', about: 'what is to be rotated if NAME leaves' }),
  },
  async run(ctx) {
    return ctx.flags.without === undefined ? whoCan(ctx, ctx.flags.env) : without(ctx, ctx.flags.without);
  },
});

async function whoCan({ config, environmentOf, out }: TaskContext, only: string | undefined): Promise<Outcome> {
  const environments = only ? [only] : Object.keys(config.environments);
  const all = [];
  for (const env of environments) all.push(await holdingsOf(config, environmentOf(env)));
  const holdings = all.flatMap((one) => one.holdings);
  const findings = all.flatMap((one) => one.findings);
  if (holdings.length > 0)
    out.table(
      ['environment', 'what', 'who', ''],
      holdings.map(({ env, what, who, says }) => [env, what, who?.join(', ') ?? '', says]),
    );
  return {
    verdict:
      holdings.length === 0
        ? `No secret of ${environments.join(', ')} lies here.`
        : `${counted(holdings.length, 'place')} with secrets of ${environments.join(', ')}.`,
    ...(findings.length > 0 ? { mark: 'warning' as const } : {}),
    data: { holdings: holdings as unknown as Json },
    findings,
  };
}

async function without({ config, environmentOf, out, typed }: TaskContext, name: string): Promise<Outcome> {
  const { environments, commands, byHand } = await withoutPerson(config, name, environmentOf);
  const lines = commands.map((one) => typed(one));
  out.line(`Take ${name} out of secrets.team of drydock.config.ts, and then, in this order:`);
  for (const line of lines) out.line(`  ${line}`);
  for (const { env, variables } of byHand)
    out.line(`By hand, for they are not under secrets.rotate, in ${env}: ${variables.join(', ')}`);
  return {
    verdict: `${name} could open what is sealed for ${environments.join(', ')}.`,
    mark: 'warning',
    data: { environments, commands: lines, byHand },
  };
}

export default task;
await main(task, import.meta);
