import type { Finding } from '@drydock/kit';
import type { HealthConfig } from '../config/health.ts';
import type { Doubt } from '../metrics/doubt.ts';
import type { Window } from '../metrics/window.ts';

export type GateSettings = HealthConfig['gate'];
export type Verdict = 'pass' | 'fail' | 'inconclusive';

/** One thing that was looked at, and what is to be said of it. */
export interface Judged {
  id: string;
  title: string;
  wanted: string;
  /** `unjudged`: too little to go by, and nothing that a release has to wait for. */
  verdict: Verdict | 'unjudged';
  /** Share of bad ones, seconds of a quantile, share of time, or growth an hour; null where nothing was seen. */
  value: number | null;
  /** The same for a person. */
  shown: string;
  /** Requests, look-ups or collections it goes by. */
  count: number;
  /** Measurements beyond the bound, of `measured`. */
  breaches: number;
  measured: number;
  reason: string;
  /** The series that did not hold, as Prometheus writes them. */
  series: string[];
  /** What was seen allows more than one truth: which, and what to set. */
  doubt?: Doubt;
}

/** What a run of the gate has to go by. */
export interface GateEvidence {
  /** One an interval, in order. */
  windows: readonly Window[];
  /** The endpoint's answers, in order: what was wrong, or null. */
  health: readonly (string | null)[];
  /** Scrapes in a row without an answer, at the end. */
  errorsInARow: { count: number; last: string /** The product is away, rather than our sight of it. */; away: boolean };
  /** The version before, if anything is known of it. */
  baseline: { version: string; window: Window } | undefined;
}

export interface GateVerdict {
  verdict: Verdict;
  /** Ids of what did not pass, worst first. */
  offending: string[];
  judged: Judged[];
  findings: Finding[];
  /** Nothing that follows can change it. */
  final: boolean;
}
