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
  usageError,
} from '@drydock/kit';
import type { Client } from 'pg';
import { exists, onServer } from './databases.ts';
import { readHeld } from './held.ts';
import { inTheWay } from './in-the-way.ts';
import { named } from './plan.ts';

export type DropPlan = { name: string; slots: string[] };

/** The database that a restore in place kept under another name, and what goes with it. */
export async function planDropOld(url: Secret, run: string): Promise<DropPlan> {
  const name = named(databaseOf(url), 'before', run);
  return onServer(url, async (client) => {
    if (!(await exists(client, name))) throw nothingKept(run, await keptOf(client));
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

async function keptOf(client: Client): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT datname AS name FROM pg_database WHERE datname LIKE '%\\_before\\_%' AND pg_get_userbyid(datdba) = current_user ORDER BY 1`,
  );
  return rows.map(({ name }) => name);
}

function nothingKept(run: string, others: string[]): OpsError {
  return usageError(
    'NOTHING_KEPT',
    `No database was kept by the run ${run}${others.length > 0 ? `; there are ${others.join(', ')}` : ''}.`,
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
