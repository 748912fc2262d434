import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { makeTemporary, temporaryFull } from '../temporary.ts';

/** What a store gave, encrypted as it lies there, in a file that nobody else can change meanwhile. */
export interface Spooled {
  path: string;
  bytes: number;
  sha256: string;
}

const TEMPORARY = 'drydock-stored-';

const held = new Map<string, Promise<Spooled>>();
const folders = new Set<string>();

function removeHeld(): void {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
}

/**
 * The same until this process ends, for what is looked at more than once: an object of that digest is asked for once.
 * What came may have another digest; that is for the caller to look at.
 */
export async function holdObject(sha256: string, read: () => Promise<AsyncIterable<Uint8Array>>): Promise<Spooled> {
  const before = held.get(sha256);
  if (before) return before;
  const coming = (async () => {
    const { remove: _, ...spooled } = await spool(await read());
    if (folders.size === 0) process.once('exit', removeHeld);
    folders.add(dirname(spooled.path));
    return spooled;
  })();
  held.set(sha256, coming);
  try {
    const spooled = await coming;
    if (spooled.sha256 !== sha256) held.delete(sha256);
    return spooled;
  } catch (error) {
    held.delete(sha256);
    throw error;
  }
}

/**
 * Holds an object on this machine while it is looked at: its digest is known before any of it is used, and what is used
 * is what was hashed. A store that is read twice could answer twice. Nothing of it lies in the clear.
 */
export async function spool(stored: AsyncIterable<Uint8Array>): Promise<Spooled & { remove(): Promise<void> }> {
  const folder = await makeTemporary(TEMPORARY);
  const remove = () => rm(folder, { recursive: true, force: true });
  const path = join(folder, 'object');
  const hash = createHash('sha256');
  let bytes = 0;
  try {
    const file = await open(path, 'wx', 0o600);
    try {
      for await (const piece of stored) {
        hash.update(piece);
        bytes += piece.length;
        await write(file, piece);
      }
    } finally {
      await file.close();
    }
  } catch (error) {
    await remove();
    throw error;
  }
  return { path, bytes, sha256: hash.digest('hex'), remove };
}

async function write(file: Awaited<ReturnType<typeof open>>, piece: Uint8Array): Promise<void> {
  try {
    await file.writeFile(piece);
  } catch (cause) {
    throw temporaryFull(cause, 'the backup, which is held there, encrypted, until it is known to be what was signed');
  }
}
