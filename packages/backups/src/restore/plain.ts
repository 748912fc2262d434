import { Readable } from 'node:stream';
import { createZstdDecompress } from 'node:zlib';
import { OpsError, type Secret } from '@drydock/kit';
import { decrypt } from '../crypt/age.ts';
import { Meter } from '../dump/stream.ts';
import { DUMP } from '../names.ts';
import type { BackupSource } from './source.ts';

/**
 * The dump in the clear, streaming: store → age → zstd. With a manifest it ends with BACKUP_DAMAGED where the bytes are
 * not those that were written, stored or plain; what was read before that was read in vain.
 */
export async function* readPlain(source: BackupSource, identity: Secret, name = DUMP): AsyncIterable<Buffer> {
  const [stored, plain] = [new Meter(), new Meter()];
  const encrypted = Readable.from(stored.pass(await source.read(name)));
  const expand = createZstdDecompress({ chunkSize: 1 << 20 });
  const decrypted = Readable.from(decrypt(encrypted, identity));
  decrypted.on('error', (error) => expand.destroy(error));
  try {
    for await (const chunk of decrypted.pipe(expand) as AsyncIterable<Buffer>) {
      plain.add(chunk);
      yield chunk;
    }
  } catch (cause) {
    throw cause instanceof OpsError ? cause : damaged(source, (cause as Error).message);
  } finally {
    decrypted.destroy();
    expand.destroy();
  }
  if (!source.manifest) return;
  const object = source.manifest.objects.find((one) => one.name === name);
  if (object && stored.result().sha256 !== object.sha256)
    throw damaged(source, 'its stored bytes have another SHA-256');
  if (name === DUMP && plain.result().sha256 !== source.manifest.plain.sha256)
    throw damaged(source, 'its dump has another SHA-256');
}

export function damaged({ label }: Pick<BackupSource, 'label'>, why: string): OpsError {
  return new OpsError({
    code: 'BACKUP_DAMAGED',
    message: `The backup ${label} is damaged: ${why}.`,
    hint: 'Take another one (npm run backup:list), or the same from another store.',
  });
}
