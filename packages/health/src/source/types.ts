import type { Scrape } from '../metrics/scrape.ts';

/** Where scrapes come from. */
export interface Source {
  /** For a person: an address. */
  readonly name: string;
  /** What there is that was not given before; the first call gives one. Throws an OpsError. */
  next(): Promise<Scrape[]>;
  /** Seconds by which the other clock is ahead of ours; undefined before the first answer. */
  skewSeconds(): number | undefined;
}

/** The product did not answer, which says something about the product; the others say something about our sight of it. */
export const AWAY_CODES: ReadonlySet<string> = new Set(['METRICS_UNREACHABLE', 'METRICS_SLOW', 'METRICS_FAILED']);
