import { setTimeout as sleep } from 'node:timers/promises';
import { ownBackends } from '@drydock/kit';
import type { Client } from 'pg';
import type { Straggler } from '../types.ts';
import type { Pair } from './pair.ts';

/** A transaction that is prepared and committed in the meantime is at work; one that stays was left. */
const LOOK_AGAIN_MS = 1_000;
const END_LOOK_MS = 50;

/** Who keeps a login from being closed. */
export async function stragglersOf(client: Client, pair: Pair): Promise<Straggler[]> {
  return [...(await sessionsOf(client, pair.login)), ...(await preparedBy(client, pair))];
}

export async function sessionsOf(client: Client, login: string): Promise<Straggler[]> {
  const { rows } = await client.query<Straggler>(
    `SELECT coalesce(nullif(application_name, ''), 'without a name') AS who,
            coalesce(client_hostname, host(client_addr), 'this server') AS host, pid::text AS pid,
            extract(epoch FROM clock_timestamp() - backend_start)::int AS "ageSeconds",
            format('%s in database %s', coalesce(state, backend_type), datname) AS state
       FROM pg_stat_activity WHERE usename = $1 AND pid <> pg_backend_pid() ORDER BY backend_start`,
    [login],
  );
  return rows;
}

/** Prepared transactions, which hold what they have locked. PostgreSQL keeps the role that it was prepared as: mostly the owner, in whose name both logins work. */
export async function preparedBy(client: Client, { login, owner }: Pair): Promise<Straggler[]> {
  const look = () =>
    client.query<Straggler>(
      `SELECT format('role %s', owner) AS who, 'no session' AS host, gid AS pid,
              extract(epoch FROM clock_timestamp() - prepared)::int AS "ageSeconds",
              format('prepared transaction "%s" in database %s', gid, database) AS state
         FROM pg_prepared_xacts WHERE owner = ANY ($1) ORDER BY prepared`,
      [[login, owner]],
    );
  const first = (await look()).rows;
  if (first.length === 0) return [];
  await sleep(LOOK_AGAIN_MS);
  const still = new Set((await look()).rows.map(({ pid }) => pid));
  return first.filter(({ pid }) => still.has(pid));
}

/** Ends every session of a login that may not log in any more, but those of this very run: they end with it. How many are left after `withinMs`. */
export async function endSessions(client: Client, login: string, withinMs: number): Promise<number> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const { rows } = await client.query<{ ended: boolean }>(
      `SELECT pg_terminate_backend(pid) AS ended FROM pg_stat_activity
        WHERE usename = $1 AND pid <> pg_backend_pid() AND NOT (pid = ANY ($2) AND application_name LIKE 'drydock %')`,
      [login, ownBackends()],
    );
    if (rows.length === 0 || Date.now() > deadline) return rows.length;
    await sleep(END_LOOK_MS);
  }
}
