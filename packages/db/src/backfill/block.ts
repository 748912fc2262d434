import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from 'pg';
import { readProgress } from './progress.ts';
import type { Running, Sessions } from './running.ts';
import { attended, type BlockChange } from './script.ts';

const LOOK_EACH_MS = 500;
/** The bytes of "FILL"; the other half of the key is of the name. */
const HELD = 0x46494c4c;

/**
 * Runs a block that commits by itself. Each of its COMMITs counts a batch, in the same transaction, and between two of its transactions
 * it asks for a lock that we hold while others would feel it.
 */
export async function runBlock(
  running: Running,
  change: BlockChange,
  sessions: Sessions & { looking: Client; heldBack(): Promise<void> },
): Promise<void> {
  const { script, signal, detail } = running;
  const { client, looking, throttle, heldBack } = sessions;
  const name = client.escapeLiteral(script.name);
  const lock = `${HELD}, pg_catalog.hashtext(${name})`;
  // A block has variables of its own, which a name may be one of: functions know none of them.
  await client.query(
    `CREATE OR REPLACE FUNCTION pg_temp.drydock_batch() RETURNS boolean LANGUAGE sql VOLATILE AS $drydock$
       UPDATE drydock.backfill SET batches = batches + 1, "at" = pg_catalog.clock_timestamp() WHERE name = ${name};
       SELECT false $drydock$;
     CREATE OR REPLACE FUNCTION pg_temp.drydock_turn() RETURNS boolean LANGUAGE sql VOLATILE AS $drydock$
       SELECT pg_catalog.pg_advisory_lock_shared(${lock});
       SELECT pg_catalog.pg_advisory_unlock_shared(${lock}) $drydock$`,
  );
  let over = false;
  const work = client.query(attended(change, 'pg_temp.drydock_batch', 'pg_temp.drydock_turn')).finally(() => {
    over = true;
  });
  // Its error is told where it is awaited.
  work.catch(() => {});
  while (!over && !signal.aborted) {
    if (await throttle.reason()) {
      await looking.query(`SELECT pg_advisory_lock(${lock})`);
      try {
        await heldBack();
      } finally {
        await looking.query(`SELECT pg_advisory_unlock(${lock})`);
      }
    }
    detail(`${(await readProgress(looking, script.name))?.batches ?? 0} batches`);
    await Promise.race([work.catch(() => {}), sleep(LOOK_EACH_MS, undefined, { signal })]);
  }
  signal.throwIfAborted();
  await work;
}
