import {
  defineReadTask,
  type Finding,
  flag,
  type Json,
  type Outcome,
  type Output,
  type TaskContext,
} from '@drydock/kit';
import { CODES } from '../hazards/codes.ts';
import type { Rehearsal } from '../rehearsal/rehearse.ts';
import type { Content, Filler } from '../rehearsal/scratch.ts';
import { FORMATS, writeReport } from '../report/formats.ts';
import { HEADER, lockVerdict, statementRow } from '../report/table.ts';
import { targetOf } from '../target.ts';

const flags = {
  data: flag.choice(['schema', 'sample', 'full'], {
    about: 'rows of the copy: none, up to 1000 a table, or all; default: all where nobody is connected, else none',
  }),
  fromBackup: flag.text({ value: 'ID|latest', about: 'rehearse on this backup instead of a copy of the target' }),
  trust: flag.text({ value: 'REASON', about: 'open that backup although no pinned signer stands for it' }),
  running: flag.text({
    value: 'COMMIT',
    about: 'the version that serves now; default: that of the last deploy before this checkout',
  }),
  failOn: flag.choice(['error', 'warn'], { about: 'exit 3 from this level on', fallback: 'error' }),
  format: flag.choice(FORMATS, { about: 'a report on stdout: annotations, a comment, or for code scanning' }),
  codes: flag.boolean({ about: 'list all codes of findings, and stop' }),
};

/** `backup` is passed in by the script: the feature packages do not know each other. */
export function createDryRunTask(backup: (ctx: TaskContext, id: string, trust: string | undefined) => Promise<Filler>) {
  return defineReadTask({
    name: 'db:dry-run',
    summary: 'Rehearses the pending migrations on a copy of the target. The target itself is only read.',
    description:
      'Makes a scratch database, applies each pending migration there as db:deploy would, watches the locks, rewrites and rows of each\n' +
      'statement, compares the result with the Prisma schema, and drops the copy. Exit 3 if any finding is an error.\n' +
      'A finding is set aside by a comment above its statement:  -- drydock:ignore CODE: reason',
    examples: [
      'npm run db:dry-run -- --env staging',
      'npm run db:dry-run -- --env production --data full --fail-on warn',
      'npm run -s db:dry-run -- --env staging --format markdown > comment.md',
    ],
    flags,
    writesDocument: ({ format }) => format !== undefined,
    async run(ctx): Promise<Outcome> {
      if (ctx.flags.codes) return listCodes(ctx.out);
      const { rehearse } = await import('../rehearsal/rehearse.ts');
      const target = targetOf(ctx.config, ctx.environment);
      const content: Content = ctx.flags.fromBackup
        ? await backup(ctx as unknown as TaskContext, ctx.flags.fromBackup, ctx.flags.trust)
        : (ctx.flags.data ?? 'copy');
      const progress = ctx.out.progress('rehearse on a copy');
      let rehearsal: Rehearsal;
      try {
        rehearsal = await rehearse(target, {
          content,
          running: ctx.flags.running,
          onMigration: (name) => progress.update(name),
        });
      } catch (error) {
        progress.fail();
        throw error;
      }
      const no = rehearsal.findings.some(({ level }) => fails(level, ctx.flags.failOn === 'warn'));
      if (no) progress.fail();
      else progress.done();
      return present(ctx, rehearsal, no);
    },
  });
}

function present(
  { env, out, config, flags: { format } }: TaskContext<typeof flags>,
  rehearsal: Rehearsal,
  no: boolean,
): Outcome {
  const { state, copy, migrations, findings, ignored } = rehearsal;
  for (const { name, durationMs, statements } of migrations) {
    out.line(`${name}  ${durationMs} ms`);
    if (statements.length > 0) out.table(HEADER, statements.map(statementRow));
  }
  for (const { code, migration, line, reason } of ignored)
    out.line(`ignored ${code} at ${migration}:${line}: ${reason}`);
  const locks = migrations.length > 0 ? ` ${lockVerdict(migrations, copy)}` : '';
  const verdict = no
    ? `The rehearsal for ${env} found what must not be applied like this.${locks}`
    : state.pending.length === 0
      ? `Nothing is pending on ${env}.`
      : `${migrations.length} ${migrations.length === 1 ? 'migration' : 'migrations'} would apply to ${env}.${locks}`;
  return {
    verdict,
    ok: !no,
    data: { pending: state.pending, copy: copy ?? null, migrations, ignored } as unknown as Json,
    findings,
    ...(!no && state.pending.length > 0 ? { next: `npm run db:deploy -- --env ${env}` } : {}),
    ...(format ? { document: writeReport(format, { ...rehearsal, env, verdict, root: config.root }) } : {}),
  };
}

function fails(level: Finding['level'], warnToo: boolean): boolean {
  return level === 'error' || (warnToo && level === 'warn');
}

function listCodes(out: Output): Outcome {
  out.table(['code', 'what it says'], Object.entries(CODES));
  return {
    verdict: 'Another level, or "off", for one: database.hazards in drydock.config.ts.',
    data: { codes: CODES },
  };
}
