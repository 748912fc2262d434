import {
  databaseSection,
  type Environment,
  type EnvName,
  environmentSettings,
  type LoadedConfig,
  ownOpenRuns,
  toOpsError,
} from '@drydock/kit';
import { probeAll } from '../check/probes.ts';
import { healthSection } from '../config/health.ts';
import { countOf } from '../metrics/histogram.ts';
import type { Window } from '../metrics/window.ts';
import { sumWindows } from '../metrics/window.ts';
import { applicableObjectives } from '../objectives/applicable.ts';
import { chartsOf } from './charts.ts';
import { readSamples } from './history.ts';
import { readMarks } from './marks.ts';
import { viewObjectives } from './objectives.ts';
import { toSlots } from './slots.ts';
import type { EnvironmentReport, Known, OpenRun, Readers, Report } from './types.ts';

/** Of an objective for every route by itself, as many as can be looked at. */
const MOST_ROUTES = 6;

export interface CollectOptions {
  environments: readonly EnvName[];
  environmentOf(env: EnvName): Environment;
  sinceMs: number;
  readers: Readers;
  signal: AbortSignal;
}

/** Asks every environment for all there is to show. What is away is said in its place. */
export async function collect(config: LoadedConfig, options: CollectOptions): Promise<Report> {
  const to = Date.now();
  const from = to - options.sinceMs;
  const environments = await Promise.all(
    options.environments.map((env) => readEnvironment(config, env, from, to, options)),
  );
  return {
    product: config.product,
    ...{ from, to, environments },
    budgetDays: healthSection.of(config).objectives.budgetDays,
    openRuns: await known(async () => openRuns(config)),
  };
}

async function readEnvironment(
  config: LoadedConfig,
  env: EnvName,
  from: number,
  to: number,
  { environmentOf, readers, signal }: CollectOptions,
): Promise<EnvironmentReport> {
  const health = healthSection.of(config);
  const environment = environmentOf(env);
  const { url, guard } = environmentSettings(config, env);
  const base = { name: env, guarded: guard === 'confirm' };
  const database = databaseSection.of(config);
  const isReached = [url, health.metrics.urls, health.prometheus.url].some((name) => environment.has(name));
  if (![url, database.url, database.appUrl].some((name) => environment.has(name)))
    return { ...base, ...nothing(`${url} is not set for it on this machine.`) };
  const [probed, history, marks, migrations, backups, escrow, secrets] = await Promise.all([
    known(() => probeAll(config, environment, undefined)),
    known(() => readSamples(config, environment, { sinceMs: to - from, signal })),
    known(() => readMarks(config, environment, from)),
    known(() => readers.migrations(config, environment)),
    knownIfAny(() => readers.backups(config, environment)),
    knownIfAny(() => readers.escrow(config, environment, signal)),
    knownIfAny(() => readers.secrets(config, environment)),
  ]);
  const samples = 'value' in history ? history.value : undefined;
  const seen = samples?.windows ?? [];
  const slots = toSlots(seen, from, to);
  const objectives = isReached || seen.length > 0 ? applicableObjectives(health, busiest(seen)) : [];
  const budgets = await known(async () => samples?.budgets(objectives));
  return {
    ...base,
    absent: undefined,
    version: 'value' in probed ? probed.value.version : undefined,
    health: probed,
    slots: slots.starts,
    slotMs: slots.ms,
    source: 'value' in history ? history.value.source : history.missing,
    objectives: viewObjectives(
      objectives,
      sumWindows(seen),
      ('value' in budgets && budgets.value) || new Map(),
      health,
    ),
    charts: chartsOf(objectives, slots.windows, health),
    ...{ marks, migrations, backups, escrow, secrets },
  };
}

function nothing(absent: string): Omit<EnvironmentReport, 'name' | 'guarded'> {
  const missing = { missing: absent };
  return {
    ...{
      absent,
      version: undefined,
      health: missing,
      marks: missing,
      migrations: missing,
      backups: missing,
      escrow: missing,
      secrets: missing,
    },
    ...{ slots: [], slotMs: 0, source: '', objectives: [], charts: [] },
  };
}

function busiest(windows: readonly Window[]): string[] {
  const routes = [...(sumWindows(windows)?.routes ?? [])];
  return routes
    .sort(([, a], [, b]) => countOf(b) - countOf(a))
    .slice(0, MOST_ROUTES)
    .map(([route]) => route);
}

function openRuns(config: LoadedConfig): OpenRun[] {
  return ownOpenRuns(config).map(({ run, task, env, startedAt, steps }) => ({
    run,
    task,
    env,
    startedAt,
    lastStep: [...steps.keys()].at(-1),
  }));
}

/** The same of what a product may be without. */
async function knownIfAny<T>(read: () => Promise<T | undefined>): Promise<Known<T> | undefined> {
  const found = await known(read);
  if ('missing' in found) return found;
  return found.value === undefined ? undefined : { value: found.value };
}

async function known<T>(read: () => Promise<T>): Promise<Known<T>> {
  try {
    return { value: await read() };
  } catch (error) {
    return { missing: toOpsError(error).message };
  }
}
