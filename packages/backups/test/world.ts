import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Secret, withPostgres } from '@drydock/kit';
import { askTask, bareEnvironment, makeStrangeProduct, type TaskProcesses, taskProcesses } from '@drydock/kit/testing';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import { type Manifest, writeManifest } from '../src/manifest.ts';
import { DUMP, keyOf as keyIn, timeOf } from '../src/names.ts';
import { openBackup } from '../src/reader.ts';
import { makeSigningKey, openSigner, type Signer } from '../src/signature.ts';
import { FileStore } from '../src/store/file.ts';
import type { Store } from '../src/store/types.ts';
import type { BackupTarget } from '../src/target.ts';

export interface Keys {
  identity: string;
  recipient: string;
  /** Of whoever makes backups: what signs, and what the config pins. */
  signing: { secret: string; key: string };
}

export async function makeKeys(): Promise<Keys> {
  const identity = await generateIdentity();
  return { identity, recipient: await identityToRecipient(identity), signing: makeSigningKey() };
}

/** The manifest of a finished backup of the strange product, wherever it is good. */
export async function readFinished(store: Store, env: string, id: string): Promise<Manifest | undefined> {
  const opened = await openBackup(store, { env, product: 'strange' }, id);
  return opened.state === 'good' ? opened.manifest : undefined;
}

/** Of the strange product. */
export const SHELF = { env: 'staging', product: 'strange' };
export const keyOf = (env: string, id: string, name: string) => keyIn({ env, product: 'strange' }, id, name);

export const query = (url: string, sql: string) =>
  withPostgres(new Secret(url), 'test', async (client) => {
    const result = await client.query(sql);
    return Array.isArray(result) ? result.at(-1)?.rows : result.rows;
  });

/** A manifest that holds, of a backup that has nothing else. */
export function manifestText(more: Partial<Manifest> & { id: string }, signer?: Signer): string {
  const nothing = { bytes: 1, sha256: '0'.repeat(64) };
  return writeManifest(
    {
      format: 2,
      env: 'staging',
      product: 'strange',
      database: 'shop',
      run: 'R',
      actor: 'test',
      reason: null,
      startedAt: (timeOf(more.id) ?? new Date()).toISOString(),
      durationMs: 1,
      plain: nothing,
      objects: [{ name: DUMP, ...nothing }],
      serverVersion: '15.1',
      dumpVersion: '15.1',
      commit: null,
      migrationHead: null,
      recipients: [],
      extensions: [],
      roles: [],
      locale: { encoding: 'UTF8', collate: 'C', ctype: 'C' },
      structure: {},
      tables: [],
      largeObjects: null,
      ...more,
    } as Manifest,
    signer,
  );
}

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
    signer: openSigner(new Secret(keys.signing.secret)),
    pinned: [{ name: 'host', key: keys.signing.key }],
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

/**
 * A stranger's product; its backups are signed, and it knows by whom. What is asked of its tasks they answer in this process, unless
 * the shell of a process is said.
 */
export function makeProduct(
  url: string,
  keys: Keys,
  {
    backups = {},
    config = {},
    env = {},
    shell = {},
  }: { backups?: object; config?: object; env?: Record<string, string>; shell?: NodeJS.ProcessEnv } = {},
): TaskProcesses & { store: FileStore } {
  const root = makeStrangeProduct(
    {
      ...config,
      backups: {
        stores: [{ kind: 'file', path: 'backups' }],
        signers: [{ name: 'host', key: keys.signing.key }],
        ...backups,
      },
    },
    {
      OPS_DATABASE_URL: url,
      BACKUP_RECIPIENTS: keys.recipient,
      BACKUP_IDENTITY: keys.identity,
      BACKUP_SIGNING_KEY: keys.signing.secret,
      ...env,
    },
  );
  const processes = taskProcesses(root, shell);
  const inThisProcess: TaskProcesses['ask'] = (task, ...args) =>
    askTask(root, task, args, bareEnvironment({ CI: 'true' }));
  return {
    ...processes,
    ask: Object.keys(shell).length > 0 ? processes.ask : inThisProcess,
    store: new FileStore(join(root, 'backups')),
  };
}
