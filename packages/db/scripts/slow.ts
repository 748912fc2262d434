#!/usr/bin/env node
import { defineReadTask, flag, type Json, main, OpsError } from '@drydock/kit';
import { targetOf } from '../src/target.ts';

const task = defineReadTask({
  name: 'db:slow',
  summary: 'Lists the statements that take most time, and what is new or slower since the last deploy.',
  description:
    'From pg_stat_statements. Means are of all calls since its numbers were last reset; where that was after the last deploy, what came since is\n' +
    'compared with what was before. Statements of other roles are shown to members of pg_read_all_stats: how many are hidden is said. Reads only.',
  examples: ['npm run db:slow -- --env production', 'npm run db:slow -- --env production --by mean --limit 20'],
  flags: {
    by: flag.choice(['total', 'mean'], { about: 'order by the time of all calls, or of one', fallback: 'total' }),
    limit: flag.integer({ about: 'show at most this many (default 10)', min: 1, max: 1_000 }),
  },
  async run({ config, environment, env, out, flags: { by, limit = 10 } }) {
    const { compareStatements, hiddenFindings, readSeen, readSnapshot, readStatements } = await import(
      '../src/load/statements.ts'
    );
    const { url } = targetOf(config, environment);
    const statements = await readStatements(url);
    if (!statements)
      throw new OpsError({
        code: 'STATEMENTS_UNKNOWN',
        message: `${env} has no pg_stat_statements to read.`,
        hint: "As superuser: shared_preload_libraries = 'pg_stat_statements', restart, then CREATE EXTENSION pg_stat_statements; and GRANT pg_read_all_stats to this role.",
      });
    const mean = ({ totalMs, calls }: { totalMs: number; calls: number }) => totalMs / Math.max(calls, 1);
    const key = by === 'mean' ? mean : ({ totalMs }: { totalMs: number }) => totalMs;
    const top = statements.toSorted((a, b) => key(b) - key(a)).slice(0, limit);
    out.table(
      ['total ms', 'mean ms', 'calls', 'rows', 'statement'],
      top.map((s) => [s.totalMs.toFixed(0), mean(s).toFixed(2), String(s.calls), String(s.rows), shorten(s.query)]),
    );
    const [before, seen] = [await readSnapshot(url), await readSeen(url)];
    const reset = before !== undefined && seen.resetAt !== null && seen.resetAt > before.at;
    const changes = before ? compareStatements(before.statements, statements, reset) : [];
    if (before && changes.length > 0)
      out.table(
        ['since the last deploy', 'mean ms', 'before', 'calls', 'statement'],
        changes
          .slice(0, limit)
          .map((c) => [c.kind, c.meanMs.toFixed(2), c.beforeMs?.toFixed(2) ?? '–', String(c.calls), shorten(c.query)]),
      );
    return {
      verdict: before
        ? `${changes.filter(({ kind }) => kind === 'slower').length} statements are slower and ${changes.filter(({ kind }) => kind === 'new').length} new since the deploy of ${before.at.toISOString()}.`
        : `No deploy has left numbers to compare with on ${env}.`,
      findings: hiddenFindings(seen),
      data: { top, changes, since: before?.at.toISOString() ?? null } as unknown as Json,
    };
  },
});

function shorten(query: string): string {
  const line = query.replaceAll(/\s+/g, ' ').trim();
  return line.length > 90 ? `${line.slice(0, 89)}…` : line;
}

export default task;
await main(task, import.meta);
