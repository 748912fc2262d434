import { relative } from 'node:path';
import { counted, OpsError, usageError, withPostgres } from '@drydock/kit';
import { queryReadOnly } from '@drydock/kit/sql';
import type { Target } from '../target.ts';
import { type Keys, lastKey, literally, qualified, readKeys } from './keys.ts';
import { type Progress, readProgress } from './progress.ts';
import { APPLICATION } from './running.ts';
import { type BackfillScript, readBackfill, within } from './script.ts';
import { type Limits, unseen } from './throttle.ts';

export type BackfillPlan = {
  name: string;
  file: string;
  checksum: string;
  keys: Keys | null;
  limits: Limits & { batch: number };
  /** Where it begins: anew, behind what is done, or nowhere, since all of it is. */
  begins: 'anew' | 'goes on' | 'done';
  rows: number;
  batches: number;
  lines: string[];
};

export interface BackfillWish {
  key: string | undefined;
  again: boolean;
  limits: Limits & { batch: number };
}

/** What a file would change, and from where. Reads only. */
export async function planBackfill(target: Target, file: string, wish: BackfillWish): Promise<BackfillPlan> {
  const script = await readBackfill(file);
  return withPostgres(target.url, APPLICATION, async (client) => {
    const { change } = script;
    const keys = change.kind === 'rows' ? await readKeys(client, change.relation, wish.key) : null;
    if (change.kind === 'rows' && keys) refuseMovingKeys(script, change.writes, keys);
    const progress = await readProgress(client, script.name);
    const begins = whereToBegin(script, progress, wish.again);
    const about = { rows: progress?.rows ?? 0, batches: progress?.batches ?? 0 };
    const lines = [
      ...(await describeChange(client, script, keys)),
      ...(begins === 'goes on' && keys
        ? [`goes on behind ${about.rows.toLocaleString('en')} rows in ${counted(about.batches, 'batch', 'batches')}`]
        : []),
      keys
        ? `${wish.limits.batch.toLocaleString('en')} rows a batch, each its own transaction with how far that comes: a killed run goes on behind the last, no row is changed twice`
        : 'the block commits by itself, and begins from its top when it is run again: what is left to do its own conditions have to say',
      `waits while a standby lies ${wish.limits.maxLagMs / 1_000} s behind, or 95 of 100 statements take over ${wish.limits.maxP95Ms} ms`,
      ...(await unseen(client)),
      script.checks.length > 0
        ? `then ${counted(script.checks.length, 'query', 'queries')} of the file must give no row`
        : 'no query of the file says when it is right',
    ];
    return {
      ...{
        name: script.name,
        file: relative(target.root, file),
        checksum: script.checksum,
        keys,
        limits: wish.limits,
        begins,
        ...about,
      },
      lines: begins === 'done' ? [] : lines,
    };
  });
}

async function describeChange(
  client: Parameters<typeof readProgress>[0],
  { name, change }: BackfillScript,
  keys: Keys | null,
): Promise<string[]> {
  if (change.kind === 'block' || !keys)
    return [`${name}: a DO block with ${change.kind === 'block' ? counted(change.commits.length, 'COMMIT') : ''}`];
  const bound = await lastKey(client, keys).catch(unfit(name, keys));
  if (!bound) return [`${name}: ${keys.label} has no rows`];
  // What would run is read by the server now, not in the middle of the night.
  const names = qualified(change.relation, keys);
  const window = literally(client, names, '<=', bound);
  await queryReadOnly(client, `EXPLAIN ${within(change, window)}`).catch(unfit(name, keys));
  const about =
    keys.rows < 0 ? 'of which nothing is known' : `of about ${Math.round(keys.rows).toLocaleString('en')} rows`;
  return [`${name}: ${change.verb} ${keys.label}, ${about}, by ${keys.columns.join(', ')} up to ${bound.join(', ')}`];
}

/** SQLSTATE insufficient_privilege. */
const NOT_ALLOWED = '42501';

function unfit(name: string, { label }: Keys): (thrown: unknown) => never {
  return (thrown) => {
    const cause = thrown as Error & { code?: string };
    throw new OpsError({
      code: 'BACKFILL_UNFIT',
      message: `${name}: ${cause.message}.`,
      hint:
        cause.code === NOT_ALLOWED
          ? `Nothing was changed. This role has to read and change the table: its owner says GRANT SELECT, UPDATE, DELETE ON ${label} TO it.`
          : 'Nothing was changed. Mend the file and run it again.',
      exit: 2,
      cause,
    });
  };
}

/** A row whose key it changes might come into its way again. */
function refuseMovingKeys({ file, line }: BackfillScript, writes: string[], { columns, label }: Keys): void {
  const moved = columns.find((column) => writes.includes(column));
  if (moved)
    throw usageError(
      'BACKFILL_MOVES_KEY',
      `${file}:${line} changes ${moved}, by which ${label} is worked through: a row might be met twice.`,
      'Go by another unique column: --key COLUMN; or write a DO that commits by itself.',
    );
}

function whereToBegin(
  { name, checksum }: BackfillScript,
  progress: Progress | undefined,
  again: boolean,
): BackfillPlan['begins'] {
  if (!progress || again) return 'anew';
  if (progress.checksum === checksum) return progress.finishedAt ? 'done' : 'goes on';
  if (progress.finishedAt) return 'anew';
  throw usageError(
    'BACKFILL_EDITED',
    `${name} was begun at ${progress.startedAt.toISOString()} with another text, and has come through ${progress.rows.toLocaleString('en')} rows.`,
    'Put the file back as it was and run it again to go on; or begin anew: --again',
  );
}
