import type { Client } from 'pg';
import { type OpsError, usageError } from '../errors.ts';

/** How often two connections are compared. A pool that is busy shows itself by a session that changes, an idle one by one that is shared. */
const LOOKS = 5;

/**
 * Refuses (exit 2) a pooler that gives a connection another session from transaction to transaction: a lock of the session
 * would stay behind in the pool, and hold nobody off. `connect` opens a second connection to the same address.
 *
 * A pooler makes up the process id that it tells its clients, so a connection that knows its session's real one is direct.
 */
export async function refusePooler(client: Client, label: string, connect: () => Promise<Client>): Promise<void> {
  if (await isDirect(client)) return;
  const second = await connect();
  try {
    const [first, other] = [await backendOf(client), await backendOf(second)];
    for (let look = 0; look < LOOKS; look++) {
      const [mine, theirs] = [await backendOf(client), await backendOf(second)];
      if (mine !== first || theirs !== other || mine === theirs) throw pooled(label);
    }
  } finally {
    await second.end();
  }
}

/** Whether a connection leads to the server itself, and to no pooler. */
export async function isDirect(client: Client): Promise<boolean> {
  return told(client) === (await backendOf(client));
}

/** As the server told it when the connection was made (PostgreSQL manual, 53.7, BackendKeyData). */
function told(client: Client): number {
  return (client as unknown as { processID: number }).processID;
}

async function backendOf(client: Client): Promise<number> {
  return (await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')).rows[0]?.pid ?? 0;
}

function pooled(label: string): OpsError {
  return usageError(
    'POOLED_CONNECTION',
    `${label} leads to a pooler that shares its sessions between transactions: no lock can be held through it. Nothing was started.`,
    `Put the server's own address into ${label} (the product may keep the pooler's).`,
  );
}
