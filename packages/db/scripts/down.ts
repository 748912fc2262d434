#!/usr/bin/env node
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { command, defineReadTask, flag, hint, main, OpsError, refuseClosed, writeDurably } from '@drydock/kit';
import { targetOf } from '../src/target.ts';

const task = defineReadTask({
  name: 'db:down',
  summary: "Drafts a migration's down.sql, tries it on a scratch database, and marks what cannot come back.",
  description:
    "Prisma's engine writes what leads back; what it does not know (functions, triggers, policies and row security, views, types, sequences,\n" +
    'schemas, checks, and who may what with each) is added from the catalogue. The order is found by trying: each statement comes as soon as nothing hangs on it. Written\n' +
    'beside migration.sql, never over a file that is there. Exit 3 if something is left for a person to decide.',
  examples: ['npm run db:down -- --for 20260706090000_certificates'],
  flags: {
    for: flag.text({ value: 'NAME', about: 'the migration to be undone' }),
    print: flag.boolean({ about: 'write to stdout instead of to the file' }),
  },
  writesDocument: ({ print }) => print,
  async run({ config, environment, flags }) {
    const { downFile, draftDown } = await import('../src/rollback/draft.ts');
    const name = flags.for;
    if (!name)
      throw new OpsError({
        code: 'USAGE',
        message: 'Say which migration: --for NAME.',
        hint: command('db:down', { help: true }),
        exit: 2,
      });
    const target = targetOf(config, environment);
    const file = downFile(target, name);
    if (!flags.print && existsSync(file))
      throw new OpsError({
        code: 'DOWN_EXISTS',
        message: `${file} is there already.`,
        hint: 'Add --print to see a draft beside it.',
      });
    if (!flags.print) refuseClosed(dirname(file), hint`To stdout: ${command('db:down', { for: name, print: true })}`);
    const { sql, open, proven } = await draftDown(target, name);
    if (!flags.print) writeDurably(file, sql, 0o644);
    return {
      verdict: `${flags.print ? 'Drafted' : `Wrote ${file}`}; on a scratch database it ${proven ? 'leads back to the same schema' : 'does not lead back'}.`,
      ok: proven && open.length === 0,
      data: { file: flags.print ? null : file, proven, open },
      findings: open.map((message) => ({ level: 'warn', code: 'DOWN_OPEN', message: `${message}.` })),
      next: hint`${command('db:rollback', { steps: 1, plan: true })}   (proves it)`,
      ...(flags.print ? { document: sql.trimEnd() } : {}),
    };
  },
});

export default task;
await main(task, import.meta);
