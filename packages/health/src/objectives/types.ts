/** Which requests, or look-ups, count as bad. */
export type ShareOf =
  | { of: 'latency'; route: string; seconds: number; quantile: number }
  | { of: 'errors' }
  | { of: 'cache' }
  | { of: 'blocks' };

/** At most `allowed` of all may be bad. "p95 below 400 ms" is: at most 5 % take longer than 400 ms. */
export interface ShareObjective {
  kind: 'share';
  /** Stable: `latency:GET /api/jobs`, `errors`, `cache-hits`, `rate-limit-blocks`. */
  id: string;
  title: string;
  /** `p95 < 400 ms`, as the runbook writes it. */
  wanted: string;
  source: ShareOf;
  allowed: number;
  /** One of many routes: with too few requests it is passed over. */
  optional?: boolean;
}

/** Time used against time passed: `cpu`, `gc`. */
export interface UsageObjective {
  kind: 'usage';
  id: 'cpu' | 'gc';
  title: string;
  wanted: string;
  below: number;
}

/** Old space after collections must not keep growing. */
export interface GrowthObjective {
  kind: 'growth';
  id: 'memory';
  title: string;
  wanted: string;
  /** As a share of itself in an hour. */
  belowPerHour: number;
}

export type Objective = ShareObjective | UsageObjective | GrowthObjective;
