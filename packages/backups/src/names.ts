import { ulid } from 'ulid';

/** The objects of one backup. The manifest is written last: without it there is no backup. */
export const DUMP = 'database.dump.zst.age';
export const GLOBALS = 'globals.sql.zst.age';
export const MANIFEST = 'manifest.json';

/** The name of a backup: sorts by time, unique. `20261124T020000Z-01J…` */
export function newBackupId(now = new Date()): string {
  return `${compact(now)}-${ulid(now.getTime())}`;
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

export function keyOf(env: string, id: string, name: string): string {
  return `${env}/${id}/${name}`;
}
