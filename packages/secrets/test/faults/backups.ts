import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Secret, withPostgres } from '@drydock/kit';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import type { Subject } from './team.ts';

/** A product with one table whose backups lie in a store that both clones share, for a secret that they need. */
async function backedUp(databaseUrl: string) {
  const store = mkdtempSync(join(process.env.DRYDOCK_TEST_ROOT ?? tmpdir(), 'drydock-store-'));
  const sql = (text: string) =>
    withPostgres(new Secret(databaseUrl), 'test', async (client) => void (await client.query(text)));
  await sql('CREATE TABLE goods (n int PRIMARY KEY); INSERT INTO goods SELECT generate_series(1, 10)');
  const identity = await generateIdentity();
  const backups = () => readdirSync(join(store, 'strange/staging'));
  const runs: Subject['runs'] = [
    { args: [] },
    {
      // A day later, when what needs the old key has gone with its retention.
      async before() {
        for (const id of backups()) rmSync(join(store, 'strange/staging', id), { recursive: true });
        await sql('UPDATE drydock.secret_rotation SET "settlesAt" = clock_timestamp()');
      },
      args: ['--continue'],
    },
  ];
  return {
    env: { BACKUP_IDENTITY: identity, BACKUP_RECIPIENTS: await identityToRecipient(identity) },
    config: { stores: [{ kind: 'file', path: store }], retention: { days: 1 } },
    count: () => backups().length,
    /** Of these, how many a run has told of. */
    told: () =>
      withPostgres(new Secret(databaseUrl), 'test', async (client) => {
        const { rows } = await client.query<{ n: number }>(
          `SELECT count(*)::int AS n FROM unnest($1::text[]) AS id
            WHERE EXISTS (SELECT FROM drydock."AuditEvent" WHERE event = 'backup.made' AND strpos(metadata::text, id) > 0)`,
          [backups()],
        );
        return rows[0]?.n;
      }),
    common: { databaseUrl, runs, stop: async () => rmSync(store, { recursive: true, force: true }) },
  };
}

/** The key that opens them. */
export async function backupIdentitySubject(databaseUrl: string): Promise<Subject> {
  const { env, config, told, common } = await backedUp(databaseUrl);
  return {
    ...common,
    secret: { kind: 'backup-identity' },
    more: { backups: config },
    env,
    variables: ['BACKUP_IDENTITY', 'BACKUP_RECIPIENTS'],
    async works({ BACKUP_IDENTITY = '', BACKUP_RECIPIENTS = '' }) {
      const own = await Promise.all(BACKUP_IDENTITY.split(',').map((one) => identityToRecipient(one)));
      return BACKUP_RECIPIENTS.split(',').some((one) => own.includes(one));
    },
    // One that a killed run has made, and not told of, is believed by nobody: another is made, and it goes with its retention.
    live: async (now) => ({ backups: await told(), keys: now.BACKUP_IDENTITY?.split(',').length }),
  };
}

/** The key that signs them. */
export async function backupSignerSubject(databaseUrl: string): Promise<Subject> {
  const { env, config, count, common } = await backedUp(databaseUrl);
  const { privateKey } = generateKeyPairSync('ed25519');
  const secret = privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64');
  return {
    ...common,
    secret: { kind: 'backup-signer' },
    more: { backups: { ...config, signers: [{ name: 'host', variable: 'BACKUP_SIGNER' }] } },
    env: { ...env, BACKUP_SIGNING_KEY: secret, BACKUP_SIGNER: publicHalf(secret) },
    variables: ['BACKUP_SIGNING_KEY', 'BACKUP_SIGNER'],
    works: async ({ BACKUP_SIGNING_KEY = '', BACKUP_SIGNER = '' }) =>
      BACKUP_SIGNER.split(',').includes(publicHalf(BACKUP_SIGNING_KEY)),
    live: async (now) => ({ backups: count(), keys: now.BACKUP_SIGNER?.split(',').length }),
  };
}

function publicHalf(secret: string): string {
  const key = createPrivateKey({ key: Buffer.from(secret, 'base64'), format: 'der', type: 'pkcs8' });
  return createPublicKey(key).export({ format: 'der', type: 'spki' }).toString('base64');
}
