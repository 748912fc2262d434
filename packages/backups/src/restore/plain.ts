import { command, hint, OpsError, type Secret } from '@drydock/kit';
import { unseal } from '../crypt/seal.ts';
import { holdObject, spool } from '../crypt/spool.ts';
import { Meter } from '../dump/stream.ts';
import { DUMP } from '../names.ts';
import type { BackupSource } from './source.ts';

/**
 * The dump in the clear: store → a private file, still encrypted → age → zstd. With a manifest not a byte comes before
 * the whole object is known to be what the manifest says (BACKUP_DAMAGED): what comes is run as it comes. Each piece is of use until
 * the next is asked for.
 */
export async function* readPlain(source: BackupSource, identity: Secret, name = DUMP): AsyncIterable<Buffer> {
  const { manifest } = source;
  if (!manifest) {
    const { path, remove } = await spool(await source.read(name));
    try {
      yield* openSpooled(source, path, identity);
    } finally {
      await remove();
    }
    return;
  }
  const object = manifest.objects.find((one) => one.name === name);
  if (!object) throw damaged(source, `its manifest knows no ${name}`);
  const { path, ...held } = await holdObject(object.sha256, () => source.read(name));
  if (held.sha256 !== object.sha256 || held.bytes !== object.bytes)
    throw damaged(source, 'its stored bytes have another SHA-256');
  yield* openSpooled(source, path, identity, name);
}

/** A file that is known to be an object of the manifest, if there is one. */
export async function* openSpooled(
  source: Pick<BackupSource, 'label' | 'manifest'>,
  path: string,
  identity: Secret,
  name = DUMP,
): AsyncIterable<Buffer> {
  const { manifest } = source;
  const wanted = manifest && name === DUMP && 'sha256' in manifest.plain ? manifest.plain.sha256 : undefined;
  const plain = new Meter();
  try {
    for await (const piece of unseal(path, identity)) {
      if (wanted !== undefined) plain.add(piece);
      yield piece;
    }
  } catch (cause) {
    throw cause instanceof OpsError ? cause : damaged(source, (cause as Error).message);
  }
  if (wanted !== undefined && plain.result().sha256 !== wanted) throw damaged(source, 'its dump has another SHA-256');
}

export function damaged({ label }: Pick<BackupSource, 'label'>, why: string): OpsError {
  return new OpsError({
    code: 'BACKUP_DAMAGED',
    message: `The backup ${label} is damaged: ${why}.`,
    hint: hint`Take another one (${command('backup:list')}), or the same from another store.`,
  });
}
