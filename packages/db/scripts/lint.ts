#!/usr/bin/env node
import {
  command,
  counted,
  defineReadTask,
  type Finding,
  flag,
  main,
  OpsError,
  type Outcome,
  type TaskContext,
  toOpsError,
  wordedFinding,
} from '@drydock/kit';
import { FORMATS, fails } from '../src/dry-run.ts';
import type { Format, Report } from '../src/report/formats.ts';
import { gathered } from '../src/report/gather.ts';

const task = defineReadTask({
  name: 'db:lint',
  summary: 'Tells the hazards of migrations by their text alone: no database, no variables. For pull requests.',
  description:
    'By the rules of db:dry-run, as far as syntax and the migrations before it tell: which locks a statement takes, what it reads and\n' +
    'writes anew, what it drops of that which the base branch uses. How large a table is nobody knows here: a hazard of size is a warning.\n' +
    'What the text does not tell is said (UNTOLD). Without FILE: what is added since this checkout left the base branch, committed or not,\n' +
    'all together; with FILE each by itself. Exit 3 if a finding is an error, 1 if a file is no SQL.',
  examples: [
    'npm run db:lint -- --base origin/main',
    'npm run db:lint -- prisma/migrations/20260706090000_certificates/migration.sql',
    'npm run -s db:lint -- --base origin/main --format github',
  ],
  words: { value: 'FILE', about: 'a migration.sql, its folder, or any file of SQL; several may be named' },
  flags: {
    base: flag.text({
      value: 'BRANCH',
      about: 'what the pull request goes into (default: origin/HEAD, origin/main, origin/master, main or master)',
    }),
    failOn: flag.choice(['error', 'warn'], { about: 'exit 3 from this level on', fallback: 'error' }),
    format: flag.choice(FORMATS, { about: 'a report on stdout: annotations, a comment, or for code scanning' }),
  },
  perEnvironment: false,
  withoutConfig: true,
  writesDocument: ({ format }) => format !== undefined,
  async run(ctx): Promise<Outcome> {
    const { runLint } = await import('../src/lint/run.ts');
    const { config, words, out } = ctx;
    const { base, failOn, format } = ctx.flags;
    const run = runLint(config, { words, base });
    const { migrations, added, findings, ignored } = await (format
      ? run.catch(async (thrown) => {
          throw await reported(thrown, format, ctx);
        })
      : run);
    for (const name of migrations) out.line(name);
    for (const { code, migration, line, reason } of ignored)
      out.line(`ignored ${code} at ${migration}:${line}: ${reason}`);
    const no = findings.some(({ level }) => fails(level, failOn === 'warn'));
    const looked = counted(migrations.length, 'migration');
    const verdict = no
      ? `${looked}: there is what must not be applied like this.`
      : migrations.length === 0 && added
        ? `No migration is new since ${added.base}.`
        : `${looked}: nothing that must not be applied, as far as the text tells.`;
    // What is not looked at is said each time: sizes, times, drift, and whether it applies at all.
    const said = `${verdict}${migrations.length > 0 ? ' Sizes, times, drift, and whether it applies, a rehearsal tells.' : ''}`;
    return {
      verdict: said,
      ok: !no,
      data: { migrations, base: added?.base ?? null, ignored },
      findings,
      told: gathered(findings),
      ...(migrations.length > 0 ? { next: command('db:dry-run') } : {}),
      ...(format
        ? {
            document: await report(format, { findings, ignored, verdict: said }, ctx),
          }
        : {}),
    };
  },
});

type Linting = Pick<TaskContext, 'config' | 'typed'>;

async function report(
  format: Format,
  { findings, ...said }: { findings: readonly Finding[]; ignored: Report['ignored']; verdict: string },
  { config, typed }: Linting,
): Promise<string> {
  const { writeReport } = await import('../src/report/formats.ts');
  return writeReport(format, {
    ...{ ...said, migrations: [], copy: undefined, root: config.root, task: 'db:lint' },
    findings: findings.map((finding) => wordedFinding(finding, typed)),
    env: config.product,
  });
}

/** The same error, and what the pull request is shown of it: a file that is no SQL at its line. */
async function reported(thrown: unknown, format: Format, ctx: Linting): Promise<OpsError> {
  const { code, message, hint, exit, findings, cause } = toOpsError(thrown);
  const said: Finding[] = findings.length > 0 ? [...findings] : [{ level: 'error', code, message, hint }];
  const document = await report(format, { findings: said, ignored: [], verdict: message }, ctx);
  return new OpsError({ code, message, hint, exit, findings: said, document, cause });
}

export default task;
await main(task, import.meta);
