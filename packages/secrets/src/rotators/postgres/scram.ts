import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import { Secret } from '@drydock/kit';
import type { Client } from 'pg';

const SALT_BYTES = 16;
const KEY_BYTES = 32;
const BY_ITSELF = 4_096;

/**
 * What PostgreSQL keeps of a password (manual, 53.8; RFC 5802, 7677): sent instead of the password, so that no log of the server has that, a
 * failing ALTER ROLE included. Ours are ASCII, which SASLprep leaves as they are. The salt comes from the password: the same one each time,
 * so that a pooler that was told of a verifier has the server's own.
 */
export function scramVerifier(login: string, password: Secret, iterations: number): Secret {
  const text = password.reveal();
  const salt = hmac(text, `drydock salt\0${login}`).subarray(0, SALT_BYTES);
  const salted = pbkdf2Sync(text, salt, iterations, KEY_BYTES, 'sha256');
  const stored = createHash('sha256').update(hmac(salted, 'Client Key')).digest('base64');
  const server = hmac(salted, 'Server Key').toString('base64');
  return new Secret(
    `SCRAM-SHA-256$${iterations}:${salt.toString('base64')}$${stored}:${server}`,
    `verifier of ${login}`,
  );
}

/** As the server itself would take: a setting from PostgreSQL 16 on. */
export async function iterationsOf(client: Client): Promise<number> {
  const { rows } = await client.query<{ set: string | null }>(
    `SELECT current_setting('scram_iterations', true) AS set`,
  );
  return Number(rows[0]?.set ?? BY_ITSELF);
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
