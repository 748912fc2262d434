import type { Secret } from '@drydock/kit';
import type { Client } from 'pg';
import type { Waits } from '../sessions/waiting.ts';
import type { Keys } from './keys.ts';
import type { BackfillScript } from './script.ts';
import type { Limits, Throttle } from './throttle.ts';

/** What its sessions are called on the server. */
export const APPLICATION = 'drydock db:backfill';

/** A backfill on its way. */
export interface Running {
  run: string;
  url: Secret;
  script: BackfillScript;
  /** Of an UPDATE or DELETE. */
  keys: Keys | null;
  limits: Limits & { batch: number };
  lockTimeoutMs: number;
  signal: AbortSignal;
  detail(text: string): void;
  warn(text: string): void;
}

export interface Sessions {
  client: Client;
  throttle: Throttle;
  waits: Waits;
}
