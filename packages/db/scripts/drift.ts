#!/usr/bin/env node
import { command, counted, defineReadTask, type Finding, type Json, main } from '@drydock/kit';
import { targetOf } from '../src/target.ts';

const task = defineReadTask({
  name: 'db:drift',
  summary:
    'Shows what the database lacks, has too much or has otherwise than the Prisma schema says, with the SQL that would mend it, and what was changed by hand since our last deploy.',
  description:
    "The first by Prisma's own engine; its SQL alone on stdout, for a file. Before all migrations are applied that is what they would do. What no\n" +
    'Prisma schema says (indexes that are no plain ones, join tables of Prisma 5 and earlier) is named and does not count. The second by the\n' +
    'catalogue, as our last deploy left it: rights, owners, policies, functions and all else that PostgreSQL holds. Reads only; exit 3 if there is\n' +
    'a difference. To a deploy both are a warning, unless its migrations make it new.',
  examples: ['npm run db:drift -- --env production', 'npm run -s db:drift -- --env staging > drift.sql'],
  writesDocument: () => true,
  async run({ config, environment, env }) {
    const { readDrift } = await import('../src/drift/look.ts');
    const { driftFinding } = await import('../src/drift/words.ts');
    const { byHandNow, listed } = await import('../src/drift/by-hand.ts');
    const target = targetOf(config, environment);
    const [{ items, aside, sql }, byHand] = [await readDrift(target, target.url), await byHandNow(target)];
    const hand = byHand ? listed(byHand) : [];
    const equal = items.length === 0;
    const said = equal
      ? `${env} is what the Prisma schema says`
      : `${env} is not what the Prisma schema says, in ${counted(items.length, 'thing')}`;
    return {
      verdict: `${said}${hand.length > 0 ? `${equal ? ', but' : ', and'} was changed by hand in ${counted(hand.length, 'thing')}` : ''}.`,
      ok: equal && hand.length === 0,
      data: { sql: equal ? null : sql, items, aside, byHand: byHand ?? null } as unknown as Json,
      findings: [
        ...(equal ? [] : [driftFinding(items, 'warn', target)]),
        ...hand.map((line): Finding => ({ level: 'warn', code: 'CHANGED_BY_HAND', message: `The target ${line}.` })),
        ...(byHand ? [] : [unknown]),
        ...aside.map(
          ({ key, why }): Finding => ({
            level: 'info',
            code: 'DRIFT_ASIDE',
            message: `${key} does not count: ${why}.`,
          }),
        ),
      ],
      ...(equal ? {} : { document: sql }),
      ...(equal && hand.length === 0 ? {} : { next: command('ops:log', { env }) }),
    };
  },
});

const unknown: Finding = {
  level: 'info',
  code: 'BY_HAND_UNKNOWN',
  message:
    'What was changed by hand is not known here: nothing was deployed by this toolkit last, so that nobody kept how it was.',
  hint: command('db:verify'),
};

export default task;
await main(task, import.meta);
