import { createReadStream } from 'node:fs';
import { chmod, open, readdir, readFile, realpath, rm, rmdir, stat } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import type { Readable } from 'node:stream';
import { command, hint, isMissing, makeFolder, OpsError, renameDurably } from '@drydock/kit';
import { missing } from './errors.ts';
import { checkedKey } from './keys.ts';
import type { Store, StoredObject, WriteOptions } from './types.ts';

/** What is being written has this name until it is whole. */
const PART = '.part';

/** A folder, readable for nobody but us. What is written is on the disk, and so is its name, before it counts. */
export class FileStore implements Store {
  readonly label: string;
  readonly inPlace = true;
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
    this.label = `file:${root}`;
  }

  pathOf(key: string): string {
    return join(this.#root, ...checkedKey(this.label, key).split('/'));
  }

  async write(key: string, body: AsyncIterable<Uint8Array>, { signal }: WriteOptions): Promise<void> {
    const file = this.pathOf(key);
    const part = `${file}${PART}`;
    try {
      makeFolder(dirname(file));
      await this.#refuseLinkOut(dirname(file));
      await chmod(dirname(file), 0o700);
      const handle = await open(part, 'w', 0o600);
      try {
        for await (const piece of untilAborted(body, signal)) await handle.writeFile(piece);
        await handle.sync();
      } finally {
        await handle.close();
      }
      renameDurably(part, file);
    } catch (cause) {
      // The folder goes with it, unless something else lies there.
      await rm(part, { force: true })
        .then(() => rmdir(dirname(file)))
        .catch(() => {});
      throw signal.aborted ? cause : this.#cannotWrite(file, cause);
    }
  }

  async read(key: string): Promise<Readable> {
    const file = this.pathOf(key);
    await stat(file).catch((cause) => {
      throw missing(this.label, key, cause);
    });
    return createReadStream(file, { highWaterMark: 1 << 20 });
  }

  async readText(key: string): Promise<string | undefined> {
    try {
      return await readFile(this.pathOf(key), 'utf8');
    } catch (cause) {
      if (isMissing(cause)) return undefined;
      throw cause;
    }
  }

  async list(prefix: string): Promise<StoredObject[]> {
    const found = await this.#files(prefix);
    return found.filter(({ key }) => !key.endsWith(PART)).sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  async remove(keys: string[]): Promise<{ key: string; reason: string }[]> {
    const stays: { key: string; reason: string }[] = [];
    for (const [key, file] of keys.map((one) => [one, this.pathOf(one)] as const)) {
      try {
        await rm(file, { force: true });
        await rmdir(dirname(file));
      } catch (cause) {
        const { code } = cause as NodeJS.ErrnoException;
        // The folder goes with its last file.
        if (code === 'ENOTEMPTY' || isMissing(cause)) continue;
        stays.push({ key, reason: code ?? (cause as Error).message });
      }
    }
    return stays;
  }

  async sweep(prefix: string, before: Date, which = (_: string) => true): Promise<string[]> {
    const left = (await this.#files(prefix)).filter(
      ({ key, modified }) => key.endsWith(PART) && modified < before && which(key),
    );
    await this.remove(left.map(({ key }) => key));
    return left.map(({ key }) => key);
  }

  async #files(prefix: string): Promise<(StoredObject & { modified: Date })[]> {
    const folder = this.pathOf(prefix);
    let entries: Awaited<ReturnType<typeof readEntries>>;
    try {
      entries = await readEntries(folder);
    } catch (cause) {
      if (isMissing(cause)) return [];
      throw cause;
    }
    const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    const found = await Promise.all(
      files.map(async (file) => {
        // Another run may remove it meanwhile.
        const facts = await stat(file).catch(() => undefined);
        const key = relative(this.#root, file).split(sep).join('/');
        return facts && { key, bytes: facts.size, modified: facts.mtime };
      }),
    );
    return found.filter((object) => object !== undefined);
  }

  /** A link that somebody put into the store must not lead a write out of it. */
  async #refuseLinkOut(folder: string): Promise<void> {
    const [root, real] = await Promise.all([realpath(this.#root), realpath(folder)]);
    if (real === root || real.startsWith(`${root}${sep}`)) return;
    throw new OpsError({
      code: 'STORE_LEFT',
      message: `${folder} is a link that leads out of ${this.label}.`,
      hint: 'Find out who put it there, and remove it.',
    });
  }

  #cannotWrite(file: string, cause: unknown): unknown {
    const { code, message } = cause as NodeJS.ErrnoException;
    // What the source of the bytes said is its own to tell.
    if (cause instanceof OpsError || !code || code === 'ABORT_ERR') return cause;
    const full = code === 'ENOSPC' || code === 'EDQUOT';
    return new OpsError({
      code: full ? 'STORE_FULL' : 'STORE_NOT_WRITABLE',
      message: full ? `The disk of ${this.label} is full.` : `${file} could not be written (${code || message}).`,
      hint: full
        ? hint`Free space (${command('backup:prune')}), then run it again; what lay there before is untouched.`
        : 'Make the folder of the store writable, then run it again; what lay there before is untouched.',
      cause,
    });
  }
}

/** Does not wait for a source that says nothing any more. */
async function* untilAborted<T>(source: AsyncIterable<T>, signal: AbortSignal): AsyncIterable<T> {
  const pieces = source[Symbol.asyncIterator]();
  let stop = () => {};
  const onAbort = () => stop();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    for (;;) {
      const next = await new Promise<IteratorResult<T>>((done, fail) => {
        stop = () => fail(signal.reason);
        if (signal.aborted) stop();
        pieces.next().then(done, fail);
      });
      if (next.done) return;
      yield next.value;
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    pieces.return?.().catch(() => {});
  }
}

function readEntries(folder: string) {
  return readdir(folder, { recursive: true, withFileTypes: true });
}
