import { type Secret, withPostgres } from '@drydock/kit';
import type { Refused } from './dress.ts';

/** privilege_not_revoked, privilege_not_granted: PostgreSQL goes on after them, and pg_restore does not tell them. */
const NOT_DONE = new Set(['01006', '01007']);

/**
 * Rights that this role cannot give or take in that database: they are on what belongs to somebody else. Asked by doing
 * it once more, and back. What is not there (yet) is no answer.
 */
export async function refusedRights(url: Secret, statements: string[]): Promise<Refused[]> {
  if (statements.length === 0) return [];
  return withPostgres(url, 'drydock db:restore', async (client) => {
    const refused: Refused[] = [];
    let why: string | undefined;
    client.on('notice', ({ code, message }) => {
      if (code && NOT_DONE.has(code)) why = message;
    });
    for (const sql of statements) {
      why = undefined;
      await client.query('BEGIN');
      // An error of it is one that pg_restore tells.
      await client.query(`SET LOCAL client_min_messages = warning; ${sql}`).catch(() => {});
      await client.query('ROLLBACK');
      if (why !== undefined)
        refused.push({
          what: sql
            .trim()
            .replaceAll(/;?\s*\n/g, '; ')
            .replace(/;$/, ''),
          why,
        });
    }
    return refused;
  });
}
