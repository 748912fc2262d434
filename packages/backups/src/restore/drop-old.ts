import {
  command,
  databaseOf,
  defineStep,
  dropDatabase,
  hint,
  OpsError,
  quoteIdentifier as q,
  type Secret,
  type Step,
  shortList,
  usageError,
} from '@drydock/kit';
import type { Client } from 'pg';
import { decodeTime } from 'ulid';
import { shownBytes } from '../pace.ts';
import { exists, named, onServer } from './databases.ts';
import { readHeld } from './held.ts';
import { inTheWay } from './in-the-way.ts';

export type DropPlan = { name: string; slots: string[] };

/** The database that a restore in place kept under another name, and what goes with it. Without a run those that there are are named. */
export async function planDropOld(url: Secret, run: string | undefined): Promise<DropPlan> {
  const live = databaseOf(url);
  return onServer(url, async (client) => {
    if (run === undefined) throw unsaid(live, await keptOf(client, live));
    const name = named(live, 'before', run);
    if (!(await exists(client, name))) throw nothingKept(run, await keptOf(client, live));
    await refuseHeld(client, name);
    return { name, slots: (await readHeld(client, name)).slots };
  });
}

export function describeDrop({ name, slots }: DropPlan): string[] {
  return [
    `drop the database ${name}`,
    ...slots.map((slot) => `with it the replication slot ${slot}, and what nobody has read from it yet`),
  ];
}

type Kept = { name: string; run: string; bytes: number | null };

/** Beside a database, newest first. */
async function keptOf(client: Client, live: string): Promise<Kept[]> {
  const { rows } = await client.query<{ name: string; bytes: number | null }>(
    `SELECT datname AS name, CASE WHEN has_database_privilege(oid, 'CONNECT') THEN pg_database_size(oid)::float8 END AS bytes
       FROM pg_database WHERE datname ~ '_before_[0-7][0-9a-hjkmnp-tv-z]{25}$' AND pg_has_role(datdba, 'USAGE') ORDER BY right(datname, 26) DESC`,
  );
  const kept = rows.map(({ name, bytes }) => ({ name, run: name.slice(-RUN_LENGTH).toUpperCase(), bytes }));
  return kept.filter(({ name, run }) => name === named(live, 'before', run));
}

const RUN_LENGTH = 26;

function keptText(kept: Kept[]): string {
  const each = kept.map(({ run, bytes }) => {
    const at = new Date(decodeTime(run)).toISOString().slice(0, 16).replace('T', ' ');
    return `${run} (of ${at} UTC${bytes === null ? '' : `, ${shownBytes(bytes)}`})`;
  });
  return shortList(each, 5);
}

function unsaid(live: string, kept: Kept[]): OpsError {
  const [newest] = kept;
  if (!newest)
    return usageError('NOTHING_KEPT', `No restore in place has left a database beside ${live}.`, command('ops:log'));
  return usageError(
    'USAGE',
    `Say whose, with --run; of ${live} databases are kept by ${keptText(kept)}.`,
    command('db:drop-old', { run: newest.run }),
  );
}

function nothingKept(run: string, kept: Kept[]): OpsError {
  return usageError(
    'NOTHING_KEPT',
    `No database was kept by the run ${run}${kept.length > 0 ? `; some are by ${keptText(kept)}` : ''}.`,
    hint`The last lines of a restore in place name the run: ${command('ops:log')}`,
  );
}

/** A subscription, a slot that is read from, a prepared transaction: PostgreSQL drops no database from under them. */
async function refuseHeld(client: Client, name: string): Promise<void> {
  const { subscriptions } = await readHeld(client, name);
  const held = (await inTheWay(client, name)).filter(({ kind }) => kind !== 'subscription');
  if (subscriptions.length === 0 && held.length === 0) return;
  const drop = subscriptions.map((one) => {
    const alter = `ALTER SUBSCRIPTION ${q(one)}`;
    return `${alter} DISABLE; ${alter} SET (slot_name = NONE); DROP SUBSCRIPTION ${q(one)};`;
  });
  throw new OpsError({
    code: 'DATABASE_BUSY',
    message: `${name} cannot be dropped for ${[...subscriptions.map((one) => `its subscription ${one}`), ...held.map(({ what }) => what)].join(', ')}.`,
    hint: `In that database: ${[...drop, ...held.map(({ ending }) => ending)].join(' ')}`,
  });
}

export function dropOldStep(url: Secret, { name }: DropPlan): Step {
  return defineStep({
    name: 'drop',
    async run() {
      await onServer(url, (client) => dropDatabase(client, name, { evenTemplate: true }));
      return { name };
    },
  });
}
