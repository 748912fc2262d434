import { createHash } from 'node:crypto';
import { slugOf } from '@drydock/kit';
import { ulid } from 'ulid';

/** The objects of one backup. The manifest is written last: without it there is no backup. */
export const DUMP = 'database.dump.zst.age';
export const GLOBALS = 'globals.sql.zst.age';
export const MANIFEST = 'manifest.json';

/** The name of a backup: when it was begun, and by which run. Sorts by time. `20261124T020000Z-01J…` */
export function newBackupId(now = new Date(), run = ulid(now.getTime())): string {
  return `${compact(now)}-${run}`;
}

/** Whether it was begun by that run; one that was killed and resumed may have begun several. */
export function isOfRun(id: string, run: string): boolean {
  return id.endsWith(`-${run}`);
}

/** When it was begun; undefined for what is no backup's name. */
export function timeOf(id: string): Date | undefined {
  const [, year, month, day, hour, minute, second] =
    /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z-[0-9A-HJKMNP-TV-Z]{26}$/.exec(id) ?? [];
  if (!year) return undefined;
  const time = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return Number.isNaN(time.getTime()) ? undefined : time;
}

/** `20261124T020000Z` */
export function compact(time: Date): string {
  return time.toISOString().replaceAll(/[-:]/g, '').replace(/\.\d+/, '');
}

/** What `compact` wrote. */
export function readCompact(text: string): Date {
  return new Date(text.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
}

/** Whose backups are meant: those of another product in the same store are none of ours. */
export interface Shelf {
  env: string;
  product: string;
}

/** Where backups are put: `shop/production`. */
export function folderOf({ env, product }: Shelf): string {
  return `${folderName(product)}/${env}`;
}

/** Where they are looked for: first of all where they are put; before keys carried the product, the environment alone was there. */
export function foldersOf(shelf: Shelf): string[] {
  return [folderOf(shelf), shelf.env];
}

export function keyOf(shelf: Shelf, id: string, name: string): string {
  return `${folderOf(shelf)}/${id}/${name}`;
}

/** No two products have one: what a name loses on its way into a key stands behind it as a digest. */
function folderName(product: string): string {
  if (/^[a-z0-9]+(-[a-z0-9]+)*$/.test(product) && slugOf(product) === product) return product;
  const digest = createHash('sha256').update(product).digest('hex').slice(0, 8);
  return `${/[a-z0-9]/i.test(product) ? `${slugOf(product)}-` : ''}${digest}`;
}

/** A name beside the manifest: no path, nothing hidden, no mark, and not the manifest itself. */
export function isObjectName(name: string): boolean {
  return (
    /^[a-z0-9][a-z0-9._-]{0,127}$/.test(name) && name.includes('.') && !name.endsWith('.part') && name !== MANIFEST
  );
}
