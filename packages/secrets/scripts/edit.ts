#!/usr/bin/env node
import {
  acquireCheckoutLock,
  command,
  defineReadTask,
  findTool,
  flag,
  main,
  runForeground,
  usageError,
} from '@drydock/kit';
import { type Editor, editAtRest } from '../src/at-rest/edit.ts';
import { tidyPlace } from '../src/at-rest/place.ts';
import { oneAtRest } from '../src/at-rest/plan.ts';
import { MARK } from '../src/at-rest/private-folder.ts';

const task = defineReadTask({
  name: 'secrets:edit',
  summary: 'Opens what is sealed for the team in your editor, and seals what you make of it.',
  description:
    'In $VISUAL or $EDITOR, through a file that nobody else can read, in memory where the machine has that. An editor that dies, or a text that does not\n' +
    'parse, changes nothing, and what you wrote is kept, encrypted: the next secrets:edit begins with it. An editor that goes to the background is waited for.',
  examples: ['npm run secrets:edit -- --env staging', 'EDITOR="code --wait" npm run secrets:edit -- --env staging'],
  flags: {
    file: flag.text({ value: 'FILE', about: 'which, where there are several: .env.staging.local.age' }),
    discard: flag.boolean({ about: 'begin with what is sealed, not with what you had begun to edit' }),
  },
  endsItself: true,
  async run(ctx) {
    const { env, config, flags, out, json } = ctx;
    const place = await tidyPlace(ctx);
    const rest = oneAtRest(place, flags.file);
    const lock = await acquireCheckoutLock(config.root, { task: ctx.task, run: ctx.run, reason: undefined });
    try {
      const findings = await place.team.warnings();
      const edited = await editAtRest(place, rest, {
        editor: editorOf(process.env, json),
        discard: flags.discard,
        onWait: () =>
          out.warn('The editor has gone to the background: waiting until it has ended (Ctrl-C ends the wait).'),
      });
      const { changed, variables, atOnce } = edited;
      const unwaited = !changed && atOnce;
      return {
        verdict: changed
          ? `${rest.sealedName} is sealed anew: ${variables.join(', ') || 'no value is another one'}.`
          : `Nothing was changed in ${rest.sealedName}.`,
        ...(changed ? {} : { mark: 'plain' as const }),
        data: { file: rest.sealedName, changed, variables },
        findings: [
          ...findings,
          ...(unwaited
            ? [
                {
                  level: 'warn' as const,
                  code: 'EDITOR_AT_ONCE',
                  message: 'The editor ended at once: one that opens a window elsewhere has to wait for it.',
                  hint: 'For example: EDITOR="code --wait"',
                },
              ]
            : []),
        ],
        ...(changed ? { next: command('secrets:open', { env }) } : {}),
      };
    } finally {
      await lock.release();
    }
  },
});

/** As git calls one: by the shell, for it may have arguments. */
function editorOf(shell: NodeJS.ProcessEnv, json: boolean): Editor {
  const editor = shell.VISUAL || shell.EDITOR || findTool('vi');
  if (!editor) throw usageError('NO_EDITOR', 'Neither VISUAL nor EDITOR is set.', 'Name one: EDITOR=nano');
  return (file, folder) =>
    runForeground('sh', ['-c', `${editor} "$@"`, 'sh', file], {
      env: { ...shell, [MARK]: folder },
      // With --json standard output is for one object.
      stdio: ['inherit', json ? 2 : 'inherit', 'inherit'],
    });
}

export default task;
await main(task, import.meta);
