import {
  defineStep,
  type Environment,
  type LoadedConfig,
  OpsError,
  operatorUrl,
  type Secret,
  type Step,
  usageError,
  withPostgres,
} from '@drydock/kit';
import { ulid } from 'ulid';
import { DUMP, dumpVersion, streamDump } from './dump.ts';
import type { Manifest } from './manifest.ts';
import { FileStore } from './store.ts';

export interface BackupTarget {
  env: string;
  url: Secret;
  recipients: string[];
  store: FileStore;
}

export function backupTarget(config: LoadedConfig, environment: Environment): BackupTarget {
  const { recipients, store } = config.backups;
  const keys = environment
    .require(recipients)
    .split(',')
    .map((key) => key.trim())
    .filter(Boolean);
  const bad = keys.find((key) => !/^age1[0-9a-z]{58}$/.test(key));
  if (bad)
    throw usageError(
      'RECIPIENT_MALFORMED',
      `${recipients} holds "${bad}", which is no age public key.`,
      'Make a pair: npm run backup:keygen',
    );
  return {
    env: environment.name,
    url: operatorUrl(config, environment),
    recipients: keys,
    store: new FileStore(config.path(store.path)),
  };
}

/** The name of a backup: sorts by time, unique. */
export function newBackupId(now = new Date()): string {
  return `${now.toISOString().replaceAll(/[-:]/g, '').replace(/\.\d+/, '')}-${ulid(now.getTime())}`;
}

/** One backup as one journalled step. `id` is chosen before, so that a resumed run finds what it finished. */
export function backupStep(target: BackupTarget, id: string): Step<Manifest> {
  return defineStep<Manifest>({
    name: 'backup',
    check: () => target.store.read(target.env, id),
    async run({ run, detail, signal }) {
      await target.store.discard(target.env, id);
      try {
        return await makeBackup(target, id, run, signal, detail);
      } catch (error) {
        await target.store.discard(target.env, id);
        throw error;
      }
    },
    async verify(_, { stored }) {
      const size = await target.store.sizeOf(target.env, id, stored.name);
      if (size === stored.bytes) return;
      throw new OpsError({
        code: 'BACKUP_SHORT',
        message: `The stored backup has ${size} bytes, ${stored.bytes} were written.`,
        hint: 'Look at the disk, then run it again.',
      });
    },
  });
}

async function makeBackup(
  target: BackupTarget,
  id: string,
  run: string,
  signal: AbortSignal,
  say: (text: string) => void,
): Promise<Manifest> {
  const startedAt = new Date();
  const facts = await readFacts(target.url);
  let bytes = 0;
  const { plain, stored } = await streamDump({
    ...target,
    id,
    signal,
    onBytes(more) {
      bytes += more;
      const seconds = (Date.now() - startedAt.getTime()) / 1_000;
      say(`${mebibytes(bytes)}, ${mebibytes(bytes / Math.max(seconds, 0.001))}/s`);
    },
  });
  const manifest: Manifest = {
    id,
    env: target.env,
    run,
    startedAt: startedAt.toISOString(),
    durationMs: Date.now() - startedAt.getTime(),
    plain,
    stored: { name: DUMP, ...stored },
    ...facts,
    dumpVersion: dumpVersion(),
    recipients: target.recipients,
  };
  await target.store.finish(target.env, id, manifest);
  return manifest;
}

async function readFacts(url: Secret): Promise<Pick<Manifest, 'database' | 'serverVersion' | 'migrationHead'>> {
  return withPostgres(url, 'drydock db:backup', async (client) => {
    const { rows } = await client.query<{ database: string; version: string; history: string | null }>(
      `SELECT current_database() AS database, current_setting('server_version') AS version, to_regclass('_prisma_migrations')::text AS history`,
    );
    const head = rows[0]?.history
      ? await client.query<{ name: string }>(
          'SELECT migration_name AS name FROM _prisma_migrations WHERE finished_at IS NOT NULL ORDER BY migration_name DESC LIMIT 1',
        )
      : undefined;
    return {
      database: rows[0]?.database ?? '',
      serverVersion: rows[0]?.version ?? '',
      migrationHead: head?.rows[0]?.name ?? null,
    };
  });
}

export function mebibytes(bytes: number): string {
  return `${(bytes / 1_048_576).toFixed(bytes < 10_485_760 ? 2 : 0)} MiB`;
}
