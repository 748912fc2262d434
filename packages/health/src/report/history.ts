import { type Environment, type LoadedConfig, toOpsError } from '@drydock/kit';
import { type History, readHistory } from '../capacity/history.ts';
import { healthSection } from '../config/health.ts';
import { namesOf } from '../metrics/names.ts';
import { sumWindows, type Window } from '../metrics/window.ts';
import type { Objective, ShareObjective } from '../objectives/types.ts';
import { shareOf } from '../rules/promql.ts';
import { labelsFor } from '../source/prometheus.ts';
import { type PrometheusClient, prometheusClient } from '../source/prometheus-client.ts';
import { budgetLeft } from './objectives.ts';

const DAY_MS = 86_400_000;

export interface Samples {
  /** Of the time of the report: a minute each, in order. */
  windows: Window[];
  /** For a person: where they come from. */
  source: string;
  /** Share of the error budget left, by objective; null where nothing was counted. */
  budgets(objectives: readonly Objective[]): Promise<Map<string, number | null>>;
}

/** Of Prometheus where one is configured, of what tasks on this machine have kept otherwise. */
export async function readSamples(
  config: LoadedConfig,
  environment: Environment,
  { sinceMs, signal }: { sinceMs: number; signal: AbortSignal },
): Promise<Samples> {
  const client = prometheusClient(config, environment, signal);
  const budgetMs = healthSection.of(config).objectives.budgetDays * DAY_MS;
  if (client) {
    const { windows, source } = await historyIfAny(config, environment, { sinceMs, signal });
    return { windows, source, budgets: (objectives) => askBudgets(config, environment, client, objectives) };
  }
  const all = await historyIfAny(config, environment, { sinceMs: Math.max(sinceMs, budgetMs), signal });
  const since = (ms: number) => all.windows.filter((window) => window.to > all.now - ms);
  const whole = sumWindows(since(budgetMs));
  return {
    windows: since(sinceMs),
    source: all.source,
    budgets: async (objectives) =>
      new Map(shares(objectives).map((one) => [one.id, whole ? budgetLeft(one, whole) : null])),
  };
}

/** A time of which nothing is known is worth a page all the same, which says so. */
async function historyIfAny(...asked: Parameters<typeof readHistory>): Promise<History> {
  try {
    const history = await readHistory(...asked);
    const also = history.findings.map(({ message }) => ` ${message}`).join('');
    return { ...history, source: `From ${history.source}.${also}` };
  } catch (error) {
    const { code, message } = toOpsError(error);
    if (code === 'NO_SAMPLES') return { windows: [], source: message, now: Date.now(), findings: [] };
    throw error;
  }
}

/** Thirty days by the minute would be a hundred answers: it is asked for the one number, by the expression of the rules. */
async function askBudgets(
  config: LoadedConfig,
  environment: Environment,
  client: PrometheusClient,
  objectives: readonly Objective[],
): Promise<Map<string, number | null>> {
  const names = namesOf(healthSection.of(config).metrics, healthSection.of(config).prometheus.instanceLabel);
  const vocabulary = { names, labels: labelsFor(config, environment.name), bounds: undefined };
  const now = await client.now();
  const ask = async (objective: ShareObjective) => {
    const { bad, total } = shareOf(objective, vocabulary, `${healthSection.of(config).objectives.budgetDays}d`);
    const [series] = await client.range(`${bad} / ${total}`, { from: now, to: now, stepSeconds: 60 });
    const share = Number(series?.values.at(-1)?.[1] ?? Number.NaN);
    return [objective.id, Number.isFinite(share) ? 1 - share / objective.allowed : null] as const;
  };
  return new Map(await Promise.all(shares(objectives).map(ask)));
}

function shares(objectives: readonly Objective[]): ShareObjective[] {
  return objectives.filter((one) => one.kind === 'share');
}
