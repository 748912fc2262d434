import type { HealthConfig } from '../config/health.ts';
import type { Window } from '../metrics/window.ts';
import type { Objective } from '../objectives/types.ts';
import type { Span } from './episodes.ts';

export type CapacitySettings = HealthConfig['capacity'];

export interface CapacityInput {
  /** About a minute each, in order; there may be gaps. At least one. */
  windows: readonly Window[];
  objectives: readonly Objective[];
  settings: CapacitySettings;
  /** Milliseconds since 1970. */
  now: number;
}

export interface Advice {
  action: 'scale out' | 'index' | 'cache' | 'memory';
  text: string;
}

/** `firing`: it holds now. `fired`: it held within the time that was looked at. `unknown`: its metric is not there. */
export type TriggerState = 'firing' | 'fired' | 'quiet' | 'unknown';

/** One scale trigger of the runbook, section 8. */
export interface Trigger {
  /** `cpu`, `latency:GET /api/jobs`, `memory`. */
  id: string;
  title: string;
  /** `> 70 % for 10 min`. */
  rule: string;
  state: TriggerState;
  /** The newest time in which it held; its end is the newest sample's while it fires. */
  since: number | null;
  until: number | null;
  /** What was seen in that time, or over all of it. */
  seen: string;
  advice: Advice[];
  /** All times in which it held. */
  episodes: Span[];
}
