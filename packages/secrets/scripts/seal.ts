#!/usr/bin/env node
import { counted, defineChangeTask, defineStep, flag, main } from '@drydock/kit';
import { atRestOf, textOf } from '../src/at-rest/files.ts';
import { tidyPlace } from '../src/at-rest/place.ts';
import { planSeal } from '../src/at-rest/plan.ts';
import { writeSealed } from '../src/at-rest/write.ts';

const task = defineChangeTask({
  name: 'secrets:seal',
  summary: 'Encrypts env files to the team, as .env.<env>.age beside them, for git.',
  description:
    "The whole file, to everybody whom secrets.team names for the environment; Debian's age alone opens it. What somebody else has sealed since you\n" +
    'have seen it last is not replaced (exit 4), unless you say --overwrite. Who can open it stands beside it, in .env.<env>.age.recipients.',
  examples: ['npm run secrets:seal -- --env staging', 'age -d -i ~/.config/age/key.txt .env.staging.age'],
  flags: { overwrite: flag.boolean({ about: 'replace what somebody else has sealed' }) },
  lock: 'checkout',
  // Of an environment nothing is changed.
  environments: () => [],
  restartable: true,
  async plan(ctx) {
    const place = await tidyPlace(ctx);
    const warnings = await place.team.warnings();
    for (const { message } of warnings) ctx.out.warn(message);
    const { members } = place.team;
    return {
      files: await planSeal(place, ctx.flags.overwrite),
      to: members.length > 0 ? members.map(({ name }) => name) : ['this checkout'],
    };
  },
  describe: ({ files, to }) =>
    files.map(
      ({ name, variables }) =>
        `encrypt ${name} to ${to.join(', ')}${variables ? `: ${variables.join(', ') || 'no value of it is another one'}` : ''}`,
    ),
  steps: (ctx, { files }) =>
    files.map(({ name }) =>
      defineStep({
        name: `seal ${name}`,
        async run() {
          const place = await tidyPlace(ctx);
          const rest = atRestOf(ctx.config, ctx.env).find((one) => one.name === name);
          if (!rest) throw new Error(`${name} is not there any more`);
          await writeSealed(place, rest, textOf(rest.file) ?? '', { over: textOf(rest.sealed) });
          return null;
        },
      }),
    ),
  outcome: ({ env }, { files, to }) => ({
    verdict:
      files.length === 0
        ? `What ${env} has at rest is what its env files hold.`
        : `${counted(files.length, 'file')} of ${env} sealed for ${to.join(', ')}.`,
    data: { files: files.map(({ name }) => `${name}.age`), to },
  }),
});

export default task;
await main(task, import.meta);
