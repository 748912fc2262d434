import { z } from 'zod';

/** As Prometheus and the flags of tasks write it. */
const duration = z.string().regex(/^\d+(ms|s|m|h|d)$/, 'must be a duration such as 30s, 5m, 6h or 3d');

/**
 * An alert goes off while both windows burn the budget faster than this: the long one shows that it matters, the short one that it still goes
 * on (SRE workbook, chapter 5, "Multiwindow, Multi-Burn-Rate Alerts").
 */
const windowSchema = z.strictObject({
  long: duration.describe('Shows that it matters.'),
  short: duration.describe('Shows that it still goes on.'),
  spends: z
    .number()
    .gt(0)
    .lte(1)
    .describe('The share of the whole budget that is gone after the long window at that speed.'),
  severity: z.string().regex(/^\w+$/, 'must be one word').describe('Names the receiver.'),
});

/** The workbook's table 5-8, for 99.9 % and alike: 2 % of the budget in an hour, 5 % in six hours, 10 % in a day and in three. */
const WORKBOOK = [
  { long: '1h', short: '5m', spends: 0.02, severity: 'page' },
  { long: '6h', short: '30m', spends: 0.05, severity: 'page' },
  { long: '1d', short: '2h', spends: 0.1, severity: 'ticket' },
  { long: '3d', short: '6h', spends: 0.1, severity: 'ticket' },
];

/** What health:rules writes for Prometheus, Alertmanager and Grafana; the objectives are health.objectives. */
export const rulesSchema = z.strictObject({
  folder: z
    .string()
    .default('monitoring')
    .describe('One folder an environment is made in it; its files are worth committing.'),
  interval: duration.default('30s').describe('How often Prometheus evaluates; not below the interval of its scrapes.'),
  windows: z
    .array(windowSchema)
    .min(1)
    .default(WORKBOOK)
    .describe(
      'An alert goes off while both windows of one burn the budget faster than this (SRE workbook, chapter 5).',
    ),
  minRequests: z
    .number()
    .int()
    .min(0)
    .default(20)
    .describe('With fewer requests in the long window nobody is woken: one of three failing is no trend.'),
  absentFor: duration
    .default('5m')
    .describe('No sample for so long is worth a page: without metrics nothing else can go off.'),
  receivers: z
    .record(z.string(), z.record(z.string(), z.unknown()))
    .default({})
    .describe(
      "Alertmanager's receivers by severity, as it writes them: `{ page: { pagerduty_configs: [{ routing_key_file: … }] } }`.",
    ),
});
