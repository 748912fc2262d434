import { connectServer, OpsError, quoteIdentifier as q, type Secret } from '@drydock/kit';
import type { Client } from 'pg';
import { exists, oidOf } from './databases.ts';
import { databaseBusy, endSessions, inTheWay } from './in-the-way.ts';

export type Swap = {
  fresh: string;
  /** The name that it gets. */
  name: string;
  /** And what has the name until then; null where nothing may have it. */
  before: string | null;
};

/** PostgreSQL looks this long for sessions to go before it refuses a rename; we end them meanwhile. */
const ENDING_MS = 20;
const ATTEMPTS = 5;
/** SQLSTATE object_in_use. */
const IN_USE = '55006';

/**
 * name → before and fresh → name, in one transaction: at no moment is there no whole database of that name. The rename
 * holds a lock that keeps new sessions waiting, while a second session ends the old ones. Who waited is told by
 * PostgreSQL that the database "seems to have just been renamed", and finds the new one at the next try. In the same
 * transaction `dress` gives it what the database itself is given: nobody comes into one that has not got it. Returns for
 * how many milliseconds nobody came in.
 */
export async function swapDatabases(
  url: Secret,
  { name, fresh, before }: Swap,
  dress: (client: Client) => Promise<void>,
): Promise<number> {
  const outside = [name, fresh];
  const client = await connectServer(url, 'drydock swap', outside);
  const ender = await connectServer(url, 'drydock swap', outside);
  try {
    for (let attempt = 1; ; attempt++) {
      try {
        const started = performance.now();
        await whileEnding(ender, before ? [name, fresh] : [fresh], async () => {
          await client.query('BEGIN');
          if (before && (await exists(client, name)))
            await client.query(`ALTER DATABASE ${q(name)} RENAME TO ${q(before)}`);
          await client.query(`ALTER DATABASE ${q(fresh)} RENAME TO ${q(name)}`);
          await dress(client);
          await client.query('COMMIT');
        });
        return performance.now() - started;
      } catch (cause) {
        await client.query('ROLLBACK');
        if (cause instanceof OpsError) throw cause;
        const { code, message } = cause as Error & { code?: string };
        const held = code === IN_USE ? await inTheWay(client, name) : [];
        if (held.length > 0) throw databaseBusy(name, held, cause);
        if (code === IN_USE && attempt < ATTEMPTS) continue;
        throw code === IN_USE ? busy(name, message, cause) : notRenamed(name, message, cause);
      }
    }
  } finally {
    await Promise.all([client.end(), ender.end()]);
  }
}

function busy(name: string, why: string, cause: unknown): OpsError {
  return new OpsError({
    code: 'DATABASE_BUSY',
    message: `${name} could not be taken from its sessions: ${why}.`,
    hint: 'Stop what connects again and again, and run it again.',
    cause,
  });
}

function notRenamed(name: string, why: string, cause: unknown): OpsError {
  return new OpsError({
    code: 'SWAP_FAILED',
    message: `The databases could not be renamed: ${why}. ${name} is what it was.`,
    hint: 'The role must own both databases and have CREATEDB.',
    cause,
  });
}

/** A kill may have come right after the COMMIT: then the database that was made has the name. */
export async function isSwapped(client: Client, { name }: Swap, oid: number): Promise<boolean> {
  return (await oidOf(client, name)) === oid;
}

async function whileEnding(ender: Client, databases: string[], work: () => Promise<void>): Promise<void> {
  let working = true;
  const ending = (async () => {
    while (working) {
      // Those that are not ours to end were looked for before; if one has come since, the rename says so.
      await endSessions(ender, databases).catch(() => {});
      await new Promise((done) => setTimeout(done, ENDING_MS));
    }
  })();
  try {
    await work();
  } finally {
    working = false;
    await ending;
  }
}
