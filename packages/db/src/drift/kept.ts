import { ensureOwnTable, type Secret } from '@drydock/kit';
import { hashInventory, type Inventory } from '@drydock/kit/inventory';
import type { Promised } from '../schema/promised.ts';
import { looking } from '../sessions/looking.ts';

/** `server` is the major version: another one prints definitions otherwise. */
const COLUMNS =
  'hash text PRIMARY KEY, at timestamptz NOT NULL DEFAULT now(), server int NOT NULL, items json NOT NULL';
const MAJOR = `current_setting('server_version_num')::int / 10000`;

/** What a deploy left, for whoever asks later what was changed by hand since. The audit log has its hash, so that nobody can put in another. */
export async function keepInventory(url: Secret, hash: string, inventory: Inventory): Promise<void> {
  const items = [...inventory].map(([key, { definition, valid }]): Promised[number] => [key, definition, valid]);
  await looking(url, 'drydock db:deploy', async (client) => {
    await ensureOwnTable(client, 'inventory', COLUMNS);
    await client.query(
      `INSERT INTO drydock.inventory (hash, server, items) VALUES ($1, ${MAJOR}, $2) ON CONFLICT (hash) DO UPDATE SET at = now(), server = excluded.server`,
      [hash, JSON.stringify(items)],
    );
    await client.query('DELETE FROM drydock.inventory WHERE hash <> $1', [hash]);
  });
}

/** Undefined where there is none of that hash, it was edited, or it is of another major version of the server. */
export async function readKept(url: Secret, hash: string): Promise<Inventory | undefined> {
  return looking(url, 'drydock inventory', async (client) => {
    const { rows: found } = await client.query<{ there: boolean }>(
      `SELECT to_regclass('drydock.inventory') IS NOT NULL AS there`,
    );
    if (!found[0]?.there) return undefined;
    const { rows } = await client.query<{ items: Promised }>(
      `SELECT items FROM drydock.inventory WHERE hash = $1 AND server = ${MAJOR}`,
      [hash],
    );
    const kept = new Map(rows[0]?.items.map(([key, definition, valid]) => [key, { definition, valid }]));
    return hashInventory(kept) === hash ? kept : undefined;
  });
}
