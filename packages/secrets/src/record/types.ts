import type { Proof } from '../rotators/types.ts';
import type { Fingerprints } from '../values.ts';
import type { LastRotated } from './last.ts';

/** In order; a rotation is in one of them, and has done those before. */
export const PHASES = ['add', 'stage', 'validate', 'promote', 'settle', 'retire', 'document'] as const;
export type Phase = (typeof PHASES)[number];

/** One rotation of one secret in one environment. Kept in its database for good. */
export type Rotation = {
  /** Of the run that began it; what is made elsewhere bears it. */
  id: string;
  env: string;
  name: string;
  kind: string;
  /** Of what it makes. */
  generation: number;
  /** Which is to be done next. */
  phase: Phase;
  outcome: 'open' | 'done' | 'reverted';
  emergency: boolean;
  /** It is being taken back: the old one is in use again, and the new one is withdrawn once nobody uses it any more. */
  reverting: boolean;
  actor: string;
  host: string;
  reason: string | null;
  /** ISO 8601, by the database's clock, as all that follow. */
  startedAt: string;
  promotedAt: string | null;
  /** Before that nothing is retired. */
  settlesAt: string | null;
  /** Since then the old one is ended at its service. */
  retiredAt: string | null;
  endedAt: string | null;
  proof: Proof | null;
};

/** One value that a secret has had, or is to have. */
export type Generation = {
  env: string;
  name: string;
  /** 0 is what was there before the first rotation. */
  generation: number;
  state: 'pending' | 'current' | 'previous' | 'retired' | 'withdrawn';
  fingerprints: Fingerprints;
  /** The values, encrypted to the team; null once nobody needs them any more. */
  sealed: string | null;
  /** null: before anybody wrote it down. */
  madeAt: string | null;
  currentAt: string | null;
  endedAt: string | null;
};

/** What a rotation has put into files, on its way or at its end. */
export type Written = Pick<Generation, 'name' | 'generation' | 'fingerprints'>;

/** What the team knows of an environment's secrets, whatever checkout asks: schema `drydock` of its database. */
export interface SecretRecord {
  /** By the database's clock. */
  now(): Promise<Date>;
  /** Newest first; of all secrets where none is named. */
  rotations(name?: string): Promise<Rotation[]>;
  open(name: string): Promise<Rotation | undefined>;
  /** Oldest first. */
  generations(name?: string): Promise<Generation[]>;
  /** As the audit log tells of rotations that have ended. */
  lastRotated(): Promise<LastRotated>;
  /**
   * Writes down that a rotation begins, with what is there now, sealed. Where one of this secret is open already, that one is returned.
   */
  begin(rotation: NewRotation, old: { fingerprints: Fingerprints; sealed: string }): Promise<Rotation>;
  /** What the rotation made, before it is used anywhere. The first word counts: twice keeps what is there. */
  keep(rotation: Rotation, next: { fingerprints: Fingerprints; sealed: string }): Promise<Generation>;
  /** What the service made of it only when it replaced the old one. */
  replaced(rotation: Rotation, next: { fingerprints: Fingerprints; sealed: string }): Promise<void>;
  /** Before it is put into files anywhere. */
  writes(rotation: Rotation, fingerprints: Fingerprints): Promise<void>;
  written(name?: string): Promise<Written[]>;
  reached(rotation: Rotation, phase: Phase): Promise<void>;
  /** The new one is known everywhere; it is used in so many seconds, and `settlesAt` says when. */
  stoodBy(rotation: Rotation, standbySeconds: number): Promise<void>;
  promoted(rotation: Rotation, settleSeconds: number): Promise<void>;
  /** The one before is in use again; the new one is withdrawn when it has settled. */
  demoted(rotation: Rotation, settleSeconds: number): Promise<void>;
  /** Ended at its service; it is still to be tried. */
  retired(rotation: Rotation): Promise<void>;
  proven(rotation: Rotation, proof: Proof): Promise<void>;
  /** The old values are forgotten, and the rotation is done. */
  done(rotation: Rotation): Promise<void>;
  /** The new values are forgotten. */
  reverted(rotation: Rotation): Promise<void>;
}

export type NewRotation = Pick<Rotation, 'id' | 'name' | 'kind' | 'emergency' | 'actor' | 'host' | 'reason'>;
