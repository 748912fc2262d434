#!/usr/bin/env node
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { command, counted, defineChangeTask, flag, main, type TaskContext, usageError } from '@drydock/kit';
import { planBackfill } from '../src/backfill/plan.ts';
import { backfillSteps } from '../src/backfill/steps.ts';
import { targetOf } from '../src/target.ts';

const BATCH = 1_000;
const MAX_LAG_MS = 10_000;
const MAX_P95_MS = 500;

const task = defineChangeTask({
  name: 'db:backfill',
  summary: 'Changes the rows of a large table in batches, and goes on where it was stopped.',
  description:
    'FILE has one UPDATE or DELETE, which is given the next rows by primary key again and again, or one DO block that commits by itself;\n' +
    'behind it, if wanted, SELECTs that must give no row when it is done. How far it has come commits with each batch: after kill -9 no row\n' +
    'is changed twice, whatever the statement does. A DO begins from its top: its conditions have to say what is left. It waits while a\n' +
    'standby lies behind or the statements of others get slow, makes a batch smaller that takes long, and holds the operations lock: a deploy\n' +
    'meanwhile is told. Rows that come while it runs, behind the last key that there was, are not its concern.',
  examples: [
    'npm run db:backfill -- prisma/backfills/display_name.sql --env staging --plan',
    'npm run db:backfill -- prisma/backfills/display_name.sql --env production --yes --confirm production --reason "display names"',
    'npm run db:backfill -- --env production --resume --yes --confirm production',
  ],
  words: { value: 'FILE', about: 'the statement, in a file of its own (prisma/backfills/NAME.sql)' },
  flags: {
    batch: flag.integer({ about: `most rows a batch (default ${BATCH.toLocaleString('en')})`, min: 1, max: 1_000_000 }),
    maxLag: flag.duration({ about: 'wait while a standby lies further behind (default 10s)' }),
    maxP95: flag.duration({ about: 'wait while 95 of 100 statements take longer (default 500ms)' }),
    key: flag.text({ value: 'COLUMN', about: 'go by this unique column (default: the primary key)' }),
    again: flag.boolean({ about: 'begin anew what was done, or begun with another text' }),
  },
  lock: 'environment',
  onFailure: 'keep',
  refuseFlags(ctx) {
    fileOf(ctx);
  },
  plan(ctx) {
    const { batch = BATCH, maxLag = MAX_LAG_MS, maxP95 = MAX_P95_MS, key, again } = ctx.flags;
    const limits = { batch, maxLagMs: maxLag, maxP95Ms: maxP95 };
    return planBackfill(targetOf(ctx.config, ctx.environment), fileOf(ctx), { key, again, limits });
  },
  describe: ({ lines }) => lines,
  steps: ({ config, environment }, plan) => backfillSteps(targetOf(config, environment), plan),
  outcome({ env }, { name, begins, keys }, results, { fill, checked }) {
    const { rows, batches } = results.of(fill);
    const { checks, left } = results.of(checked);
    const seen = checks > 0 || left === 'none';
    const did = keys ? `${counted(rows, 'row')} in ` : '';
    return {
      verdict:
        begins === 'done'
          ? `${name} was done before on ${env}: ${did}${counted(batches, 'batch', 'batches')}.`
          : `${name} is done on ${env}: ${did}${counted(batches, 'batch', 'batches')}.`,
      data: { name, rows, batches, left, checks },
      ...(seen
        ? {}
        : {
            findings: [
              {
                level: 'info',
                code: 'BACKFILL_NOT_VERIFIED',
                message: `Whether ${name} left everything right could not be told: neither its condition nor a query behind it says so.`,
                hint: 'Put a SELECT behind the statement that gives no row when it is right.',
              },
            ],
          }),
      next: command('db:verify', { env }),
    };
  },
});

function fileOf({ words, config }: Pick<TaskContext, 'words' | 'config'>): string {
  const [word, ...more] = words;
  if (!word || more.length > 0)
    throw usageError('USAGE', 'Say which file, and one alone.', command('db:backfill', { help: true }));
  const file = [resolve(word), config.path(word)].find((path) => existsSync(path));
  if (file) return file;
  throw usageError('BACKFILL_MISSING', `There is no file ${word}.`, command('db:backfill', { help: true }));
}

export default task;
await main(task, import.meta);
