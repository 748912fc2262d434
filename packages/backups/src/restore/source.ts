import { createReadStream, existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { type Environment, type LoadedConfig, OpsError, usageError } from '@drydock/kit';
import { readFinished } from '../backup.ts';
import { listBackups } from '../catalogue.ts';
import { type Manifest, readManifest } from '../manifest.ts';
import { DUMP, keyOf, MANIFEST } from '../names.ts';
import { openStores } from '../store/open.ts';

/** A finished backup, wherever it lies. */
export interface BackupSource {
  /** For people: its id and store, or the file. */
  label: string;
  /** Undefined for a bare file: then nothing can be compared. */
  manifest: Manifest | undefined;
  read(name: string): Promise<Readable>;
}

type Where = { config: LoadedConfig; environment: Environment };

/** `latest`, an id, or a path: of a backup's folder, or of a dump alone. The first store that has it is read. */
export async function findBackup({ config, environment }: Where, from: string): Promise<BackupSource> {
  if (from !== 'latest' && existsSync(from)) return fromPath(from);
  const stores = openStores(config, environment);
  let away: unknown;
  for (const store of stores) {
    try {
      const listed = await listBackups(store, environment.name);
      const found = listed.find(({ id, finished }) => finished && (from === 'latest' || id === from));
      const manifest = found && (await readFinished(store, environment.name, found.id));
      if (!found || !manifest) continue;
      const read = (name: string) => store.read(keyOf(environment.name, found.id, name));
      return { label: `${found.id} in ${store.label}`, manifest, read };
    } catch (error) {
      // The other store may answer: that is what it is for.
      away = error;
    }
  }
  if (away) throw away;
  throw usageError(
    'BACKUP_UNKNOWN',
    from === 'latest' ? `${environment.name} has no backup.` : `${environment.name} has no backup ${from}.`,
    `npm run backup:list -- --env ${environment.name}`,
  );
}

function fromPath(path: string): BackupSource {
  const folder = statSync(path).isDirectory() ? path : dirname(path);
  const file = statSync(path).isDirectory() ? join(path, DUMP) : path;
  if (!existsSync(file))
    throw usageError('BACKUP_UNKNOWN', `${path} holds no ${DUMP}.`, 'Name the folder of a backup, or its dump.');
  const beside = join(folder, MANIFEST);
  const read = existsSync(beside) ? readManifest(readFileSync(beside, 'utf8')) : undefined;
  if (read && !read.ok)
    throw new OpsError({
      code: 'BACKUP_DAMAGED',
      message: `${path}: ${read.why}.`,
      hint: 'Take another backup: npm run backup:list',
    });
  return {
    label: path,
    manifest: read?.manifest,
    read: async (name) => createReadStream(name === DUMP ? file : join(folder, name), { highWaterMark: 1 << 20 }),
  };
}
