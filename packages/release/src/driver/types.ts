import type { Slot } from '../proxy/haproxy.ts';

/** A version in a slot. */
export type Instance = {
  slot: Slot;
  /** Of one that serves and was started from another checkout: UNKNOWN_VERSION. */
  version: string;
  commit: string;
  port: number;
  /** Another checkout's: it can be sent traffic and taken from it, and is not ours to start or end. */
  elsewhere?: true;
};

export const UNKNOWN_VERSION = 'unknown';

export interface Live {
  /** Takes the traffic now. */
  live: Instance | undefined;
  /** In the other slot, running or not. */
  idle: Instance | undefined;
}
