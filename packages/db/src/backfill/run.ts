import { setTimeout as sleep } from 'node:timers/promises';
import { command, connectPostgres, EXIT, formatDuration, hint, OpsError } from '@drydock/kit';
import type { Client } from 'pg';
import { sentence } from '../migrations/failure.ts';
import { Waits } from '../sessions/waiting.ts';
import { runBlock } from './block.ts';
import { compared, type Keys, qualified, stretchEnd } from './keys.ts';
import { advance, finishProgress, holdProgress, type Progress, readProgress } from './progress.ts';
import { APPLICATION, type Running, type Sessions } from './running.ts';
import { type RowsChange, within } from './script.ts';
import { Throttle } from './throttle.ts';

const LOOK_EACH_MS = 500;
const TELL_EACH_MS = 5_000;
/** Longest that it is held back at a stretch; then it ends, to be gone on with. */
const PATIENCE_MS = 30 * 60_000;
/** A batch that met another transaction is tried again. */
const ATTEMPTS = 8;
const SMALLEST = 10;

/** Works through the table, or runs the block, from where its progress says. Ends early by the signal, between two batches. */
export async function runBackfill(running: Running): Promise<Progress> {
  const { url, script } = running;
  const client = await connectPostgres(url, APPLICATION);
  const looking = await connectPostgres(url, APPLICATION);
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  const waits = new Waits(url, rows[0]?.pid ?? 0);
  try {
    const throttle = new Throttle(looking, running.limits);
    const { change } = script;
    if (change.kind === 'rows') await runRows(running, change, { client, throttle, waits });
    else {
      let held = false;
      const heldNow = async () => {
        held = true;
        await heldBack(running, throttle).finally(() => {
          held = false;
        });
      };
      const sessions = { client, looking, throttle, waits, heldBack: heldNow };
      // What it waits for while we hold it is us.
      const onWait = (text: string) => held || running.warn(`${script.name} ${text}`);
      const work = () => runBlock(running, change, sessions);
      await patiently(running, () => waits.during(work, { lookAfterMs: 1_000, onWait }));
      await finishProgress(client, script.name);
    }
    const progress = await readProgress(looking, script.name);
    if (!progress) throw new Error(`The progress of ${script.name} is gone from drydock.backfill.`);
    return progress;
  } finally {
    await Promise.all([client.end(), looking.end(), waits.close()]);
  }
}

async function runRows(running: Running, change: RowsChange, { client, throttle, waits }: Sessions): Promise<void> {
  const { script, keys, limits, signal, detail, warn, lockTimeoutMs } = running;
  if (!keys) throw new Error('a table without keys');
  let size = limits.batch;
  await client.query(`SET lock_timeout = ${Math.round(lockTimeoutMs)}`);
  for (;;) {
    await heldBack(running, throttle);
    signal.throwIfAborted();
    const started = performance.now();
    const work = () => oneBatch(client, script.name, change, keys, size);
    const batch = await patiently(running, () =>
      waits.during(work, { lookAfterMs: lockTimeoutMs / 2, onWait: (text) => warn(`${script.name} ${text}`) }),
    );
    if (!batch) return;
    const took = performance.now() - started;
    // What others wait for is a batch: one that takes long is made smaller.
    if (took > limits.maxP95Ms) size = Math.max(SMALLEST, Math.floor(size / 2));
    else if (took < limits.maxP95Ms / 4) size = Math.min(limits.batch, Math.ceil(size * 1.5));
    detail(
      `${batch.rows.toLocaleString('en')} rows, up to ${batch.last?.join(', ')}, ${Math.round(took)} ms a batch of ${size}`,
    );
    if (batch.finished) return;
  }
}

/** One stretch of keys and how far that comes, in one transaction. Undefined where all is done. */
async function oneBatch(
  client: Client,
  name: string,
  change: RowsChange,
  keys: Keys,
  size: number,
): Promise<{ rows: number; last: string[] | null; finished: boolean } | undefined> {
  await client.query('BEGIN');
  try {
    const { last, bound, rows: before, finishedAt } = await holdProgress(client, name);
    if (finishedAt) {
      await client.query('ROLLBACK');
      return undefined;
    }
    let rows = 0;
    let [upper, final] = [bound, true];
    if (bound) {
      ({ upper, final } = await stretchEnd(client, keys, { last, bound, size }));
      const names = qualified(change.relation, keys);
      const window = [compared(names, '<=', 1), ...(last ? [compared(names, '>', names.length + 1)] : [])].join(
        ' AND ',
      );
      const done = await client.query(`/* drydock */ ${within(change, window)}`, [...upper, ...(last ?? [])]);
      rows = done.rowCount ?? 0;
    }
    await advance(client, name, { last: upper, rows, finished: final });
    await client.query('COMMIT');
    return { rows: before + rows, last: upper, finished: final };
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {});
    throw error;
  }
}

/** SQLSTATE lock_not_available, deadlock_detected, serialization_failure. */
const AGAIN = new Set(['55P03', '40P01', '40001']);

async function patiently<T>({ script, signal, warn, run }: Running, work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (thrown) {
      const error = thrown as Error & { code?: string };
      if (error instanceof OpsError || signal.aborted) throw error;
      if (!AGAIN.has(error.code ?? '') || attempt >= ATTEMPTS)
        throw new OpsError({
          code: 'BACKFILL_FAILED',
          message: `${script.file}:${script.line}: ${sentence(error)}. The batches before it are in effect, of this one nothing is.`,
          hint: hint`Mend what is in the way, then go on: ${command('ops:resume', { run })}`,
          cause: error,
        });
      const wait = Math.min(8_000, 250 * 2 ** attempt);
      warn(`${script.name}: ${error.message}; the batch was taken back, and is tried again in ${wait} ms`);
      await sleep(wait, undefined, { signal });
    }
  }
}

/** Waits while others would feel it; told when it begins, and every few seconds. */
async function heldBack({ script, signal, warn, detail, run }: Running, throttle: Throttle): Promise<void> {
  const since = performance.now();
  let told = Number.NEGATIVE_INFINITY;
  for (let reason = await throttle.reason(); reason; reason = await throttle.reason()) {
    const waited = performance.now() - since;
    detail(`held back: ${reason}`);
    if (waited - told >= TELL_EACH_MS) {
      warn(`${script.name} is held back: ${reason}`);
      told = waited;
    }
    if (waited > PATIENCE_MS)
      throw new OpsError({
        code: 'BACKFILL_HELD',
        message: `${script.name} was held back for ${formatDuration(waited)}: ${reason}. What is done stays.`,
        hint: hint`When that is over, go on: ${command('ops:resume', { run })}`,
        exit: EXIT.failed,
      });
    await sleep(LOOK_EACH_MS, undefined, { signal });
  }
}
