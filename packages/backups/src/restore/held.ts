import type { Client } from 'pg';

/** What belongs to a database and to none that takes its place. */
export interface Held {
  slots: string[];
  subscriptions: string[];
}

export async function readHeld(client: Client, database: string): Promise<Held> {
  const { rows } = await client.query<Held>(
    `SELECT (SELECT coalesce(array_agg(slot_name::text ORDER BY 1), '{}') FROM pg_replication_slots WHERE database = $1) AS slots,
            (SELECT coalesce(array_agg(subname::text ORDER BY 1), '{}') FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid WHERE d.datname = $1) AS subscriptions`,
    [database],
  );
  return rows[0] ?? { slots: [], subscriptions: [] };
}

/** As lines of a plan. */
export function describeHeld({ slots, subscriptions }: Held): string[] {
  return [
    ...slots.map(
      (name) => `the replication slot ${name} stays with the database before: whoever reads from it begins anew`,
    ),
    ...subscriptions.map(
      (name) => `the subscription ${name} stays with the database before, and nothing takes its place`,
    ),
  ];
}
