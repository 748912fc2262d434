import type pg from 'pg';

/** Key of the advisory lock under which the platform's account sends: instances share its nonces. */
const SEND_LOCK = 7_203_401;

/**
 * Runs one piece of work at a time, across all instances on this database. Within the process they wait in memory, so
 * that many waiting do not take all connections.
 */
export function createTurns(pool: pg.Pool): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const turn = last.then(() => underLock(pool, work));
    last = turn.catch(() => {});
    return turn;
  };
}

async function underLock<T>(pool: pg.Pool, work: () => Promise<T>): Promise<T> {
  const session = await pool.connect();
  let lost: Error | undefined;
  // The server may end the session meanwhile; the work goes on, and nonces that clash are tried again.
  const onError = (error: Error) => {
    lost = error;
  };
  session.on('error', onError);
  try {
    await session.query('SELECT pg_advisory_lock($1)', [SEND_LOCK]);
    return await work();
  } finally {
    if (!lost) await session.query('SELECT pg_advisory_unlock($1)', [SEND_LOCK]).catch(onError);
    session.off('error', onError);
    // A session that may still hold the lock is closed, which lets go of it.
    session.release(lost);
  }
}
