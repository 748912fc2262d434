import type { Secret } from '@drydock/kit';

export interface SealedBackup {
  id: string;
  /** As the store calls itself. */
  store: string;
  at: Date;
  /** Public keys that it is encrypted to. */
  recipients: readonly string[];
  /** Somebody stands for it. One that a killed run has made and not told of is whole, and nobody does. */
  believed: boolean;
}

/** What a rotation of their key needs of the backups. */
export interface BackupsDoor {
  /** Every good backup of this environment, in every store, newest first. */
  list(): Promise<SealedBackup[]>;
  /** Makes one, to these recipients; returns its id. */
  make(recipients: readonly string[]): Promise<string>;
  /** Is one of its private keys at hand? Only the beginning is read. */
  opens(id: string, identity: Secret): Promise<boolean>;
  /** Restores it into a scratch database, with this key alone, and compares; returns what was done. Throws where it is not what it should be. */
  drill(id: string, identity: Secret): Promise<string>;
  /** How long one is kept that nobody holds. */
  readonly keptSeconds: number;
}
