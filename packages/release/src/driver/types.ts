import type { Slot } from '../proxy/haproxy.ts';

/** A version in a slot. */
export type Instance = {
  slot: Slot;
  version: string;
  commit: string;
  port: number;
};

export interface Live {
  /** Takes the traffic now. */
  live: Instance | undefined;
  /** In the other slot, running or not. */
  idle: Instance | undefined;
}
