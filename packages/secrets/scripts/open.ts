#!/usr/bin/env node
import { counted, defineChangeTask, defineStep, flag, main, toOpsError } from '@drydock/kit';
import { bringUpToDate, secretsBehind } from '../src/at-rest/behind.ts';
import { atRestOf, textOf } from '../src/at-rest/files.ts';
import { tidyPlace } from '../src/at-rest/place.ts';
import { planOpen } from '../src/at-rest/plan.ts';
import { writeOpened } from '../src/at-rest/write.ts';

const task = defineChangeTask({
  name: 'secrets:open',
  summary:
    'Writes env files from what is sealed for the team (.env.<env>.age), and from what others have rotated since.',
  description:
    'With your key (secrets.team.identity). The env file is yours alone (0600). One that you have changed since is not replaced (exit 4): its variables are\n' +
    'named, and --overwrite takes what is sealed. What it held before stays under .drydock/secrets, encrypted. A secret of which the files hold a value that\n' +
    'has ended, as another checkout has rotated it, is taken from the record of the environment.',
  examples: ['npm run secrets:open -- --env staging'],
  flags: { overwrite: flag.boolean({ about: 'replace what you have changed in the env file' }) },
  lock: 'checkout',
  // What an environment runs with changes when it is started again.
  environments: () => [],
  restartable: true,
  async plan(ctx) {
    const behind = await secretsBehind(ctx).catch((error) => {
      ctx.signal.throwIfAborted();
      // What is sealed can be opened without a database.
      ctx.out.warn(`What others have rotated since could not be asked: ${toOpsError(error).message}`);
      return [];
    });
    return { files: await planOpen(await tidyPlace(ctx), ctx.flags.overwrite, behind.length === 0), behind };
  },
  describe: ({ files, behind }) => [
    ...files.map(({ name, variables = [] }) => `open ${name}: ${variables.join(', ') || 'no value is another one'}`),
    ...behind.map(({ name, variables }) => `${name}, as it was rotated elsewhere: ${variables.join(', ')}`),
  ],
  steps: (ctx, { files, behind }) => [
    ...files.map(({ name }) =>
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
    // What was opened may hold it already.
    ...behind.map(({ name }) => defineStep({ name: `bring ${name} up to date`, run: () => bringUpToDate(ctx, name) })),
  ],
  outcome: ({ env }, { files, behind }) => ({
    verdict:
      files.length + behind.length === 0
        ? `The env files of ${env} hold what is sealed.`
        : `${[
            ...(files.length > 0 ? [`${counted(files.length, 'env file')} of ${env} written`] : []),
            ...(behind.length > 0 ? [`${behind.map(({ name }) => name).join(', ')} of ${env} brought up to date`] : []),
          ].join('; ')}.`,
    data: { files: files.map(({ name, variables }) => ({ file: name, variables: variables ?? [] })), behind },
  }),
});

export default task;
await main(task, import.meta);
