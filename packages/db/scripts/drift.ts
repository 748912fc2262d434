#!/usr/bin/env node
import { command, counted, defineReadTask, type Finding, type Json, main } from '@drydock/kit';
import { targetOf } from '../src/target.ts';

const task = defineReadTask({
  name: 'db:drift',
  summary:
    'Shows what the database lacks, has too much or has otherwise than the Prisma schema says, and the SQL that would mend it.',
  description:
    "By Prisma's own engine; the SQL alone on stdout, for a file. Before all migrations are applied that is what they would do. What no\n" +
    'Prisma schema says (indexes that are no plain ones, join tables of Prisma 5 and earlier) is named and does not count. Reads only; exit 3\n' +
    'if there is a difference. To a deploy it is a warning, unless its migrations make it new.',
  examples: ['npm run db:drift -- --env production', 'npm run -s db:drift -- --env staging > drift.sql'],
  writesDocument: () => true,
  async run({ config, environment, env }) {
    const { readDrift } = await import('../src/drift/look.ts');
    const { driftFinding } = await import('../src/drift/words.ts');
    const target = targetOf(config, environment);
    const { items, aside, sql } = await readDrift(target, target.url);
    const equal = items.length === 0;
    return {
      verdict: equal
        ? `${env} is what the Prisma schema says.`
        : `${env} is not what the Prisma schema says, in ${counted(items.length, 'thing')}.`,
      ok: equal,
      data: { sql: equal ? null : sql, items, aside } as unknown as Json,
      findings: [
        ...(equal ? [] : [driftFinding(items, 'warn', target)]),
        ...aside.map(
          ({ key, why }): Finding => ({
            level: 'info',
            code: 'DRIFT_ASIDE',
            message: `${key} does not count: ${why}.`,
          }),
        ),
      ],
      ...(equal ? {} : { document: sql, next: command('ops:log', { env }) }),
    };
  },
});

export default task;
await main(task, import.meta);
