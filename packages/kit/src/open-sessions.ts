import type { Client, ClientConfig } from 'pg';

/** Long enough to connect and be answered by a server that is there; nobody waits longer after Ctrl-C. */
const CANCEL_WITHIN_MS = 2_000;

/** Sessions of this process whose statements end with it. */
const open = new Map<Client, ClientConfig>();

/** `config` is how the session was reached. */
export function trackSession(client: Client, config: ClientConfig): void {
  open.set(client, config);
  client.once('end', () => open.delete(client));
}

/** For a session that must outlive an interruption: the one that holds the lock while steps are ended. */
export function keepSession(client: Client): void {
  open.delete(client);
}

/**
 * Cancels on their servers the statements that sessions of this process are running: a closed connection alone does not
 * end one before it has something to say. Bounded; a server that cannot be reached is left to notice by itself.
 */
export async function cancelStatements(): Promise<void> {
  const byServer = Map.groupBy(open, ([, { host, port, user }]) => `${user}@${host}:${port}`);
  await Promise.all(
    [...byServer.values()].map((sessions) =>
      cancelOn(
        sessions[0]?.[1] ?? {},
        sessions.map(([client]) => pidOf(client)),
      ),
    ),
  );
}

async function cancelOn(config: ClientConfig, pids: number[]): Promise<void> {
  const { default: pg } = await import('pg');
  const client = new pg.Client({
    ...config,
    application_name: 'drydock cancel',
    connectionTimeoutMillis: CANCEL_WITHIN_MS,
    query_timeout: CANCEL_WITHIN_MS,
  });
  client.on('error', () => {});
  try {
    await client.connect();
    // A pooler makes up the ids that it tells: only a session of our own role is meant.
    await client.query(
      `SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE pid = ANY($1) AND usename = session_user AND state <> 'idle'`,
      [pids],
    );
    await client.end();
  } catch {
    // The server is away, or full. It ends them itself: see client_connection_check_interval in settleSession.
    destroySession(client);
  }
}

/** Closes our half at once; `end` would wait for an answer. */
export function destroySession(client: Client): void {
  (client as unknown as { connection?: { stream?: { destroy(): void } } }).connection?.stream?.destroy();
}

function pidOf(client: Client): number {
  return (client as unknown as { processID: number }).processID;
}
