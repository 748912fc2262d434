#!/usr/bin/env node
import { counted, defineChangeTask, defineStep, flag, main } from '@drydock/kit';
import { atRestOf, textOf } from '../src/at-rest/files.ts';
import { tidyPlace } from '../src/at-rest/place.ts';
import { planOpen } from '../src/at-rest/plan.ts';
import { writeOpened } from '../src/at-rest/write.ts';

const task = defineChangeTask({
  name: 'secrets:open',
  summary: 'Writes env files from what is sealed for the team (.env.<env>.age).',
  description:
    'With your key (secrets.team.identity). The env file is yours alone (0600). One that you have changed since is not replaced (exit 4): its variables are\n' +
    'named, and --overwrite takes what is sealed. What it held before stays under .drydock/secrets, encrypted.',
  examples: ['npm run secrets:open -- --env staging'],
  flags: { overwrite: flag.boolean({ about: 'replace what you have changed in the env file' }) },
  lock: 'checkout',
  // What an environment runs with changes when it is started again.
  environments: () => [],
  restartable: true,
  async plan(ctx) {
    return { files: await planOpen(await tidyPlace(ctx), ctx.flags.overwrite) };
  },
  describe: ({ files }) =>
    files.map(({ name, variables = [] }) => `open ${name}: ${variables.join(', ') || 'no value is another one'}`),
  steps: (ctx, { files }) =>
    files.map(({ name }) =>
      defineStep({
        name: `open ${name}`,
        async run() {
          const place = await tidyPlace(ctx);
          const rest = atRestOf(ctx.config, ctx.env).find((one) => one.sealedName === name);
          if (!rest) throw new Error(`${name} is not there any more`);
          const sealed = textOf(rest.sealed) ?? '';
          await writeOpened(place, rest, { text: await place.team.open(sealed, name), sealed });
          return null;
        },
      }),
    ),
  outcome: ({ env }, { files }) => ({
    verdict:
      files.length === 0
        ? `The env files of ${env} hold what is sealed.`
        : `${counted(files.length, 'env file')} of ${env} written.`,
    data: { files: files.map(({ name, variables }) => ({ file: name, variables: variables ?? [] })) },
  }),
});

export default task;
await main(task, import.meta);
