import type { BackupsDoor } from './rotators/backup-identity/backups-door.ts';
import type { SigningDoor } from './rotators/backup-signer/signing-door.ts';
import type { OpenChainRights } from './rotators/escrow-admin/chain-rights.ts';

/** What other features do for a rotation. Whoever composes tasks gives it (scripts/): this feature knows none of them. */
export interface Doors {
  /** `openRights` of @drydock/escrow/rights: roles on the chain. */
  chain?: OpenChainRights;
  /** `backupsDoor` of @drydock/backups: what there is, and whether a key opens it. */
  backups?(): Promise<BackupsDoor>;
  /** `signingDoor` of @drydock/backups: who signed what there is, and whether that is believed. */
  signing?(): Promise<SigningDoor>;
}
