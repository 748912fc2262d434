import type { Secret } from '@drydock/kit';

export interface SignedBackup {
  id: string;
  /** As the store calls itself. */
  store: string;
  at: Date;
  /** Public key of who signed it; undefined where nobody did. */
  signedBy: string | undefined;
}

/** What a rotation of the key that signs backups needs of them. */
export interface SigningDoor {
  /** A pair: the secret half, and the public one. */
  newKey(): { secret: string; key: string };
  /** The public half. */
  keyOf(signing: Secret): string;
  /** Whose backups are opened, by the config and the environment of now; `variable`: where the config names one. */
  believed(): { key: string; variable: string | undefined }[];
  /** Every whole backup of this environment, whoever signed it, in every store, newest first. */
  list(): Promise<SignedBackup[]>;
  /** Makes one that this key signs; returns its id. */
  make(signing: Secret): Promise<string>;
  /** Reads every byte of it, and says why it is not opened; undefined where it is. */
  verify(id: string): Promise<string | undefined>;
  /** How long one is kept that nobody holds. */
  readonly keptSeconds: number;
}
