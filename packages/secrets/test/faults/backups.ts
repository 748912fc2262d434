import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Secret, withPostgres } from '@drydock/kit';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import type { Subject } from './team.ts';

/** Backups in a store that both clones share, and the key that opens them. */
export async function backupIdentitySubject(databaseUrl: string): Promise<Subject> {
  const store = mkdtempSync(join(process.env.DRYDOCK_TEST_ROOT ?? tmpdir(), 'drydock-store-'));
  const sql = (text: string) =>
    withPostgres(new Secret(databaseUrl), 'test', async (client) => void (await client.query(text)));
  await sql('CREATE TABLE goods (n int PRIMARY KEY); INSERT INTO goods SELECT generate_series(1, 10)');
  const identity = await generateIdentity();
  const backups = () => readdirSync(join(store, 'staging'));
  return {
    secret: { kind: 'backup-identity' },
    more: { backups: { stores: [{ kind: 'file', path: store }], retention: { days: 1 } } },
    databaseUrl,
    env: { BACKUP_IDENTITY: identity, BACKUP_RECIPIENTS: await identityToRecipient(identity) },
    variables: ['BACKUP_IDENTITY', 'BACKUP_RECIPIENTS'],
    async works({ BACKUP_IDENTITY = '', BACKUP_RECIPIENTS = '' }) {
      const own = await Promise.all(BACKUP_IDENTITY.split(',').map((one) => identityToRecipient(one)));
      return BACKUP_RECIPIENTS.split(',').some((one) => own.includes(one));
    },
    live: async (now) => ({ backups: backups().length, keys: now.BACKUP_IDENTITY?.split(',').length }),
    runs: [
      { args: [] },
      {
        // A day later, when what the old key opens has gone with its retention.
        async before() {
          for (const id of backups()) rmSync(join(store, 'staging', id), { recursive: true });
          await sql('UPDATE drydock.secret_rotation SET "settlesAt" = clock_timestamp()');
        },
        args: ['--continue'],
      },
    ],
    stop: async () => rmSync(store, { recursive: true, force: true }),
  };
}
