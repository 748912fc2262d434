import { resolve } from 'node:path';
import { defineStep, OpsError, type Step, type StepNode, withPostgres } from '@drydock/kit';
import { queryReadOnly } from '@drydock/kit/sql';
import type { Target } from '../target.ts';
import { lastKey, literally, qualified } from './keys.ts';
import type { BackfillPlan } from './plan.ts';
import { readProgress, startProgress } from './progress.ts';
import { runBackfill } from './run.ts';
import { APPLICATION } from './running.ts';
import { type BackfillScript, countOfLeft, type RowsChange, readBackfill } from './script.ts';

export type Filled = { rows: number; batches: number };
/** How it was seen that all is done. */
export type Checked = { checks: number; left: 'none' | 'not told' };

export interface BackfillSteps {
  nodes: StepNode[];
  fill: Step<Filled>;
  checked: Step<Checked>;
}

export function backfillSteps(target: Target, plan: BackfillPlan): BackfillSteps {
  const { name, begins } = plan;
  const read = async () => {
    const script = await readBackfill(resolve(target.root, plan.file));
    if (script.checksum === plan.checksum) return script;
    throw new OpsError({
      code: 'BACKFILL_EDITED',
      message: `${plan.file} is not what this run was planned with.`,
      hint: 'Put the file back as it was and go on with this run.',
    });
  };
  const look = () => withPostgres(target.url, APPLICATION, (client) => readProgress(client, name));
  const begin = defineStep({
    name: 'begin',
    run: async ({ run }) => {
      await read();
      await withPostgres(target.url, APPLICATION, async (client) => {
        // What a killed attempt of this very run has done since is not begun anew.
        const bound = plan.keys ? await lastKey(client, plan.keys) : null;
        await startProgress(client, { name, checksum: plan.checksum, bound });
      });
      return { run };
    },
  });
  const fill = defineStep<Filled>({
    name: `fill ${name}`,
    // What is done is not begun again.
    alwaysCheck: true,
    async check() {
      const progress = await look();
      return progress?.finishedAt ? { rows: progress.rows, batches: progress.batches } : undefined;
    },
    async run({ run, out, signal, detail }) {
      const script = await read();
      const { keys, limits } = plan;
      const { lockTimeoutMs, url } = target;
      const { rows, batches } = await runBackfill({
        ...{ run, url, script, keys, limits, lockTimeoutMs, signal, detail },
        warn: (text) => out.warn(text),
      });
      return { rows, batches };
    },
  });
  const checked = defineStep<Checked>({
    name: 'verify',
    async run({ audit, results }) {
      const script = await read();
      const left = await leftOver(target, plan, script);
      if (left)
        throw new OpsError({
          code: 'BACKFILL_LEFT',
          message: `${name} is through, and ${left}`,
          hint: 'Whoever writes such rows still does so: deploy the version that does not, then run it again with --again.',
        });
      await audit('db.backfilled', { name, checksum: plan.checksum, ...results.of(fill) }, name);
      const told = script.change.kind === 'rows' && tells(script.change);
      return { checks: script.checks.length, left: told ? 'none' : 'not told' };
    },
  });
  return { nodes: [...(begins === 'anew' ? [begin] : []), fill, checked], fill, checked };
}

/** Whether a row that is done is one that its condition no longer means. */
function tells({ verb, condition, reads, writes }: RowsChange): boolean {
  return verb === 'DELETE' || (condition !== undefined && reads.some((column) => writes.includes(column)));
}

const VERIFY_MS = 10 * 60_000;

/** The end of a sentence: what is not as it should be now. Reads only. */
async function leftOver(
  target: Target,
  { keys, file }: BackfillPlan,
  script: BackfillScript,
): Promise<string | undefined> {
  const { change, checks } = script;
  return withPostgres(target.readUrl, APPLICATION, async (client) => {
    const progress = await readProgress(client, script.name);
    if (change.kind === 'rows' && keys && progress?.bound && tells(change)) {
      const names = qualified(change.relation, keys);
      const window = literally(client, names, '<=', progress.bound);
      const { rows } = await queryReadOnly<{ n: number }>(client, countOfLeft(change, names, window), {
        timeoutMs: VERIFY_MS,
      });
      const still = rows[0]?.n ?? 0;
      if (still > 0) return `${still.toLocaleString('en')} rows are still as it should have changed them.`;
    }
    for (const { sql, line } of checks) {
      const { rowCount } = await queryReadOnly(client, sql, { timeoutMs: VERIFY_MS });
      if (rowCount)
        return `the query of ${file}:${line} gives ${rowCount.toLocaleString('en')} rows, where it should give none.`;
    }
    return undefined;
  });
}
