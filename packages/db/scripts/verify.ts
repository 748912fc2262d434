#!/usr/bin/env node
import { counted, defineReadTask, type Json, main } from '@drydock/kit';
import { targetOf } from '../src/target.ts';

const task = defineReadTask({
  name: 'db:verify',
  summary: 'Proves that the database has what its migrations make: there, valid, used, and nothing else.',
  description:
    'Compares with what the applied migrations make of an empty database; EXPLAINs the queries of prisma/plans/*.sql (or one made of\n' +
    "an index's columns); compares pg_stat_statements with the numbers before the last deploy. Reads only. Exit 3 on an error.",
  examples: ['npm run db:verify -- --env staging', 'npm run db:verify -- --env production --json'],
  async run({ config, environment, env, out }) {
    const { promisedByApplied, verify } = await import('../src/verify/verify.ts');
    const target = targetOf(config, environment);
    const progress = out.progress('make the schema on an empty database');
    try {
      const { promised, made, findings: unknown } = await promisedByApplied(target);
      progress.update('compare');
      const { findings: found, objects, plans, statements } = await verify(target, promised, { made });
      const findings = [...unknown, ...found];
      const failed = findings.some(({ level }) => level === 'error');
      if (failed) progress.fail();
      else progress.done();
      if (plans.length > 0)
        out.table(
          ['index', 'query', 'used', 'rows'],
          plans.map(({ index, query, used, rows }) => [index, query, used, String(Math.round(rows))]),
        );
      const fresh = statements?.filter(({ kind }) => kind === 'new').length ?? 0;
      return {
        verdict: failed
          ? `${env} is not what its migrations make.`
          : `${counted(objects, `object of ${env} is`, `objects of ${env} are`)} there and valid${fresh > 0 ? `; ${counted(fresh, 'statement is', 'statements are')} new since the last deploy` : ''}.`,
        data: { objects, plans, statements: statements ?? null } as unknown as Json,
        findings,
      };
    } catch (error) {
      progress.fail();
      throw error;
    }
  },
});

export default task;
await main(task, import.meta);
