import { spawn } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createZstdDecompress } from 'node:zlib';
import {
  type Environment,
  type LoadedConfig,
  libpqEnv,
  OpsError,
  requireTool,
  type Secret,
  usageError,
} from '@drydock/kit';
import { FileStore } from './store.ts';

/** A finished backup and the key that opens it. */
export interface BackupSource {
  id: string;
  env: string;
  file: string;
  identity: Secret;
}

/** The newest backup of an environment, or the one that is named. The private key is asked for by whoever restores. */
export async function findBackup(config: LoadedConfig, environment: Environment, id = 'latest'): Promise<BackupSource> {
  const store = new FileStore(config.path(config.backups.store.path));
  const manifests = await store.list(environment.name);
  const found = id === 'latest' ? manifests[0] : manifests.find((manifest) => manifest.id === id);
  if (!found)
    throw usageError(
      'BACKUP_UNKNOWN',
      id === 'latest' ? `${environment.name} has no backup.` : `${environment.name} has no backup ${id}.`,
      `npm run backup:list -- --env ${environment.name}`,
    );
  return {
    id: found.id,
    env: found.env,
    file: store.pathOf(found.env, found.id, found.stored.name),
    identity: environment.secret(config.backups.identity),
  };
}

/** Restores a backup into an empty database, streaming: decrypt → decompress → pg_restore. Nothing touches the disk in the clear. */
export async function restoreInto({ id, file, identity }: BackupSource, to: Secret): Promise<void> {
  const { Decrypter } = await import('age-encryption');
  const decrypter = new Decrypter();
  const child = spawn(
    requireTool('pg_restore'),
    ['--no-owner', '--no-privileges', '--no-comments', '--exclude-schema=drydock', '-d', databaseOf(to)],
    { env: libpqEnv(to, process.env.PATH), stdio: ['pipe', 'ignore', 'pipe'] },
  );
  let said = '';
  child.stderr.on('data', (chunk) => {
    said = `${said}${chunk}`.slice(-4_000);
  });
  const ended = new Promise<number | null>((done, fail) => child.once('error', fail).once('close', done));
  ended.catch(() => {});
  try {
    decrypter.addIdentity(identity.reveal().trim());
    const stored = Readable.toWeb(createReadStream(file)) as ReadableStream<Uint8Array>;
    const plain = await decrypter.decrypt(stored);
    await pipeline(Readable.fromWeb(plain as never), createZstdDecompress(), child.stdin);
  } catch (cause) {
    child.kill();
    await ended;
    throw new OpsError({
      code: 'BACKUP_UNREADABLE',
      message: `Backup ${id} cannot be opened with ${identity.label}: ${(cause as Error).message}.`,
      hint: 'Is it the private key of one of the recipients in its manifest? npm run backup:list',
      cause,
    });
  }
  // It goes on after an error: what belongs to a role that is not here is no loss for a rehearsal.
  if ((await ended) !== 0 && /fatal|could not/i.test(said))
    throw new OpsError({ code: 'RESTORE_FAILED', message: `pg_restore failed: ${said.trim().split('\n').at(-1)}.` });
}

function databaseOf(url: Secret): string {
  return decodeURIComponent(new URL(url.reveal()).pathname.slice(1));
}
