import { type Listed, listBackups, markName } from './catalogue.ts';
import { type ReadManifest, readManifest } from './manifest.ts';
import { foldersOf, MANIFEST, type Shelf } from './names.ts';
import type { Store } from './store/types.ts';

export type { Shelf } from './names.ts';

export type Readable = Extract<ReadManifest, { ok: true }>;

/** Before its keys, without the last `/`. */
type Place = { folder: string };

/** What the manifest of a backup is, held against where it lies. */
export type Opened =
  | ({ state: 'good' } & Readable & Place)
  /** Of another product. */
  | ({ state: 'foreign' } & Readable & Place)
  /** Its bits are not what was written, or of a format to come. */
  | { state: 'damaged'; why: string }
  /** Whole, and somebody made it so: it lies where it was not put, or its signature is none. */
  | { state: 'forged'; why: string }
  | { state: 'missing' };

/** The one way in which a backup is opened by its name: in the folder that is known, or wherever it may lie. */
export async function openBackup(store: Store, shelf: Shelf, id: string, known?: string): Promise<Opened> {
  for (const folder of known === undefined ? foldersOf(shelf).map((one) => `${one}/${id}`) : [known]) {
    const text = await store.readText(`${folder}/${MANIFEST}`);
    if (text !== undefined) return readAt(shelf, id, folder, text);
  }
  return { state: 'missing' };
}

function readAt({ env, product }: Shelf, id: string, folder: string, text: string): Opened {
  const read = readManifest(text);
  if (!read.ok) return { state: read.forged ? 'forged' : 'damaged', why: read.why };
  const { manifest } = read;
  if (manifest.id !== id || manifest.env !== env)
    return { state: 'forged', why: `its manifest is of ${manifest.env}/${manifest.id}` };
  return { ...read, folder, state: manifest.product === product ? 'good' : 'foreign' };
}

const AT_ONCE = 16;

export async function openAll<T extends { id: string; folder: string }>(
  store: Store,
  shelf: Shelf,
  ids: T[],
): Promise<(T & { opened: Opened })[]> {
  const opened: (T & { opened: Opened })[] = new Array(ids.length);
  const queue = ids.entries();
  const work = async () => {
    for (const [at, one] of queue) opened[at] = { ...one, opened: await openBackup(store, shelf, one.id, one.folder) };
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return opened;
}

/** Backups of one product, newest first. Those that say in the listing whose they are, are not opened for that. */
export async function listOwn(store: Store, shelf: Shelf): Promise<Listed[]> {
  const mine = markName.owner(shelf.product);
  const listed = (await listBackups(store, shelf)).filter(({ owner }) => owner === undefined || owner === mine);
  const unsaid = await openAll(
    store,
    shelf,
    listed.filter(({ owner, finished }) => finished && owner === undefined),
  );
  const foreign = new Set(unsaid.filter(({ opened }) => opened.state === 'foreign').map(({ folder }) => folder));
  return listed.filter(({ folder }) => !foreign.has(folder));
}

/** How far clocks of hosts that work together may be apart; Kerberos takes the same (RFC 4120, 1.6). */
const SKEW_MS = 5 * 60_000;

/** Dated later than now: some clock is or was wrong, and until it is known which, it is the newest of nothing. */
export function isAhead({ at }: Pick<Listed, 'at'>, now: Date): boolean {
  return at.getTime() - now.getTime() > SKEW_MS;
}
