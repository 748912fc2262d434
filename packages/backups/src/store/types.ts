import type { Readable } from 'node:stream';

export interface StoredObject {
  /** `production/20261124T020000Z-01J…/manifest.json` */
  key: string;
  bytes: number;
}

export interface WriteOptions {
  signal: AbortSignal;
  /** Nobody can delete it before; where the store can hold to that. */
  retainUntil?: Date | undefined;
}

/** Where backups lie: keys with `/` to bytes. Errors are OpsErrors that name the store. */
export interface Store {
  /** For people: `file:/srv/backups`, `s3:shop-backups/pg`. */
  readonly label: string;
  /** Something that was removed here is only hidden: the store keeps its versions. */
  readonly keepsVersions?: boolean;
  /** It holds to `retainUntil`. */
  readonly locks?: boolean;
  /** What it writes is done with before it asks for the next piece, which may then lie in the same memory. */
  readonly inPlace?: boolean;
  /** Streams. The object exists when this resolves, whole and durable; before, and after an error, it does not. */
  write(key: string, body: AsyncIterable<Uint8Array>, options: WriteOptions): Promise<void>;
  /** Rejects with BACKUP_MISSING where there is no such object. */
  read(key: string): Promise<Readable>;
  /** Undefined where there is no such object. */
  readText(key: string): Promise<string | undefined>;
  /** Every object below a prefix, in the order of the keys. */
  list(prefix: string): Promise<StoredObject[]>;
  /** Returns those that the store does not give up, with its reason: an object lock. Missing ones are no error. */
  remove(keys: string[]): Promise<{ key: string; reason: string }[]>;
  /** Drops what writes left behind that ended before they were done, begun before `before`. Returns what it dropped. */
  sweep(prefix: string, before: Date, which?: (key: string) => boolean): Promise<string[]>;
}
