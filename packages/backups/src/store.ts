import { createWriteStream } from 'node:fs';
import { chmod, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Writable } from 'node:stream';
import { isMissing, OpsError } from '@drydock/kit';
import type { Manifest } from './manifest.ts';

/**
 * Backups as folders: `<env>/<utc>-<ulid>/` with the artefact and a manifest, which is written last. A backup without a
 * manifest does not exist.
 */
export class FileStore {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  pathOf(env: string, id: string, name: string): string {
    return join(this.#root, env, id, name);
  }

  /** Readable for nobody but us. The bytes are on the disk when the stream has ended. */
  async write(env: string, id: string, name: string): Promise<WritableStream<Uint8Array>> {
    const file = this.pathOf(env, id, name);
    try {
      await mkdir(dirname(file), { recursive: true, mode: 0o700 });
      await chmod(dirname(file), 0o700);
      return Writable.toWeb(createWriteStream(file, { mode: 0o600, flush: true }));
    } catch (cause) {
      throw storeError(file, cause);
    }
  }

  async finish(env: string, id: string, manifest: Manifest): Promise<void> {
    const file = this.pathOf(env, id, 'manifest.json');
    const handle = await open(`${file}.new`, 'w', 0o600);
    try {
      await handle.writeFile(`${JSON.stringify(manifest, null, 2)}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(`${file}.new`, file);
  }

  async read(env: string, id: string): Promise<Manifest | undefined> {
    try {
      return JSON.parse(await readFile(this.pathOf(env, id, 'manifest.json'), 'utf8')) as Manifest;
    } catch (cause) {
      // Not there, or something in the place of its folder, which the first write will name.
      if (isMissing(cause)) return undefined;
      throw cause;
    }
  }

  async sizeOf(env: string, id: string, name: string): Promise<number> {
    return (await stat(this.pathOf(env, id, name))).size;
  }

  /** Removes what a failed attempt left. Never called for one with a manifest. */
  async discard(env: string, id: string): Promise<void> {
    if (await this.read(env, id)) return;
    await rm(join(this.#root, env, id), { recursive: true, force: true }).catch((cause: NodeJS.ErrnoException) => {
      if (!isMissing(cause)) throw cause;
    });
  }

  /** Finished backups, newest first. */
  async list(env: string): Promise<Manifest[]> {
    let ids: string[];
    try {
      ids = await readdir(join(this.#root, env));
    } catch (cause) {
      if (isMissing(cause)) return [];
      throw cause;
    }
    const manifests = await Promise.all(
      ids
        .sort()
        .reverse()
        .map((id) => this.read(env, id)),
    );
    return manifests.filter((manifest) => manifest !== undefined);
  }
}

export function storeError(file: string, cause: unknown): OpsError {
  return new OpsError({
    code: 'STORE_NOT_WRITABLE',
    message: `The backup could not be written to ${file} (${(cause as NodeJS.ErrnoException).code ?? (cause as Error).message}).`,
    hint: 'Free disk space, or make the folder of backups.store writable; the backups before it are untouched.',
    cause,
  });
}
