#!/usr/bin/env node
import { command, defineReadTask, main } from '@drydock/kit';
import { targetOf } from '../src/target.ts';

const task = defineReadTask({
  name: 'db:drift',
  summary: 'Shows the difference between the database and the Prisma schema as SQL.',
  description:
    "What would have to be run to make the database what the schema says, by Prisma's own engine. Before all migrations are\n" +
    'applied that is what they would do. Alone on stdout, for a file. Reads only; exit 3 if there is a difference.',
  examples: ['npm run db:drift -- --env production', 'npm run -s db:drift -- --env staging > drift.sql'],
  writesDocument: () => true,
  async run({ config, environment, env }) {
    const { diffToSchema } = await import('../src/drift.ts');
    const target = targetOf(config, environment);
    const sql = await diffToSchema(target.url, target.schemaFile);
    return {
      verdict: sql ? `${env} is not what the Prisma schema says.` : `${env} is what the Prisma schema says.`,
      ok: sql === undefined,
      data: { sql: sql ?? null },
      ...(sql ? { document: sql, next: command('ops:log', { env }) } : {}),
    };
  },
});

export default task;
await main(task, import.meta);
