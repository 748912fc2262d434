import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Secret, withPostgres } from '@drydock/kit';
import { makeStrangeProduct, type TaskProcesses, taskProcesses } from '@drydock/kit/testing';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import { FileStore } from '../src/store/file.ts';
import type { BackupTarget } from '../src/target.ts';

const SCRIPTS = join(import.meta.dirname, '../scripts');

export interface Keys {
  identity: string;
  recipient: string;
}

export async function makeKeys(): Promise<Keys> {
  const identity = await generateIdentity();
  return { identity, recipient: await identityToRecipient(identity) };
}

export const query = (url: string, sql: string) =>
  withPostgres(new Secret(url), 'test', async (client) => {
    const result = await client.query(sql);
    return Array.isArray(result) ? result.at(-1)?.rows : result.rows;
  });

/** A folder of its own, swept by the test runner. */
export const temporaryFolder = () => mkdtempSync(join(process.env.DRYDOCK_TEST_ROOT ?? tmpdir(), 'drydock-backup-'));

/** What a backup step works on, without a task around it. */
export function makeTarget(
  url: string,
  keys: Keys,
  more: Partial<BackupTarget> = {},
): BackupTarget & { store: FileStore } {
  const store = new FileStore(temporaryFolder());
  return {
    env: 'staging',
    product: 'strange',
    root: temporaryFolder(),
    url: new Secret(url, 'OPS_DATABASE_URL'),
    recipients: [keys.recipient],
    stores: [store],
    level: 1,
    checksums: true,
    lockDays: 0,
    actor: 'test',
    reason: undefined,
    store,
    ...more,
  };
}

/** A stranger's product whose backup tasks run as processes. */
export function makeProduct(
  url: string,
  keys: Keys,
  {
    backups = {},
    env = {},
    shell = {},
  }: { backups?: object; env?: Record<string, string>; shell?: NodeJS.ProcessEnv } = {},
): TaskProcesses & { store: FileStore } {
  const root = makeStrangeProduct(
    { backups: { stores: [{ kind: 'file', path: 'backups' }], ...backups } },
    { OPS_DATABASE_URL: url, BACKUP_RECIPIENTS: keys.recipient, BACKUP_IDENTITY: keys.identity, ...env },
  );
  return { ...taskProcesses(root, SCRIPTS, shell), store: new FileStore(join(root, 'backups')) };
}
