#!/usr/bin/env node
import type { Rehearsal } from '@drydock/db';
import {
  contentFlags,
  contentOf,
  FORMATS,
  fails,
  listCodes,
  presentRehearsal,
  refuseUnknownCodes,
} from '@drydock/db/dry-run';
import { defineReadTask, flag, main, type Outcome } from '@drydock/kit';
import { onBackup } from './rehearsal/on-backup.ts';

const flags = {
  ...contentFlags,
  running: flag.text({
    value: 'COMMIT',
    about: 'the version that serves now; default: what the proxy says, or that of the last deploy before this checkout',
  }),
  accept: flag.texts({ value: 'CODE', about: 'take on a hazard that counts as an error, as db:deploy would' }),
  failOn: flag.choice(['error', 'warn'], { about: 'exit 3 from this level on', fallback: 'error' }),
  format: flag.choice(FORMATS, { about: 'a report on stdout: annotations, a comment, or for code scanning' }),
  codes: flag.boolean({ about: 'list all codes of findings, and stop' }),
};

const task = defineReadTask({
  name: 'db:dry-run',
  summary: 'Rehearses the pending migrations on a copy of the target. The target itself is only read.',
  description:
    'Makes a scratch database, applies each pending migration there as db:deploy would, watches the locks, rewrites and rows of each\n' +
    'statement, compares the result with the Prisma schema, and drops the copy. Exit 3 if any finding is an error.\n' +
    'A finding is set aside by a comment above its statement:  -- drydock:ignore CODE: reason\n' +
    'What destroys rows is not: the operator takes it on, with --accept DESTROYS_ROWS, here and at the deploy.',
  examples: [
    'npm run db:dry-run -- --env staging',
    'npm run db:dry-run -- --env production --data full --fail-on warn',
    'npm run db:dry-run -- --env staging --accept DESTROYS_ROWS',
    'npm run -s db:dry-run -- --env staging --format markdown > comment.md',
  ],
  flags,
  writesDocument: ({ format }) => format !== undefined,
  async run(ctx): Promise<Outcome> {
    if (ctx.flags.codes) return listCodes(ctx.out);
    const { rehearse, targetOf } = await import('@drydock/db');
    const { servingCommit } = await import('@drydock/release/running');
    refuseUnknownCodes(ctx.flags.accept ?? []);
    const target = targetOf(ctx.config, ctx.environment);
    const content = await contentOf(ctx, onBackup);
    const progress = ctx.out.progress('rehearse on a copy');
    let rehearsal: Rehearsal;
    try {
      rehearsal = await rehearse(target, {
        content,
        running: ctx.flags.running ?? (await servingCommit(ctx.config, ctx.environment)),
        onMigration: (name) => progress.update(name),
      });
    } catch (error) {
      progress.fail();
      throw error;
    }
    const no = rehearsal.findings.some(
      ({ level, code }) => fails(level, ctx.flags.failOn === 'warn') && !ctx.flags.accept?.includes(code),
    );
    if (no) progress.fail();
    else progress.done();
    return presentRehearsal(ctx, rehearsal, no);
  },
});

export default task;
await main(task, import.meta);
