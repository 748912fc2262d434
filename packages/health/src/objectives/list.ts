import type { HealthConfig } from '../config/health.ts';
import type { Objective, ShareObjective } from './types.ts';

type ObjectivesConfig = HealthConfig['objectives'];
/** A latency objective that stands for each route by itself. */
export const EVERY_ROUTE = '*';

/** Objectives of the config as data. Those of `*` are made for the routes that are named. */
export function listObjectives(config: ObjectivesConfig, routes: Iterable<string> = []): Objective[] {
  const seen = [...routes];
  const named = config.latency.filter(({ route }) => route !== EVERY_ROUTE).map((one) => latency(keyOf(one), one));
  const taken = new Set(named.map(({ id }) => id));
  const rest = config.latency
    .filter(({ route }) => route === EVERY_ROUTE)
    .flatMap((one) => seen.map((route) => ({ ...latency(route, one), optional: true })))
    .filter(({ id }) => !taken.has(id));
  return [...named, ...rest, ...shares(config), ...others(config)];
}

function keyOf({ route, method }: { route: string; method: string }): string {
  return `${method} ${route}`;
}

function latency(route: string, { quantile, belowMs }: ObjectivesConfig['latency'][number]): ShareObjective {
  const name = `p${Number((quantile * 100).toFixed(3))}`;
  return {
    kind: 'share',
    id: `latency:${route}`,
    title: `${name} of ${route}`,
    wanted: `${name} < ${belowMs} ms`,
    source: { of: 'latency', route, seconds: belowMs / 1_000, quantile },
    allowed: rounded(1 - quantile),
  };
}

function shares({ errors, cacheHits, blocks }: ObjectivesConfig): ShareObjective[] {
  return [
    errors && share('errors', 'error rate', `< ${percent(errors.below)}`, 'errors', errors.below),
    cacheHits && share('cache-hits', 'cache hit ratio', `> ${percent(cacheHits.above)}`, 'cache', 1 - cacheHits.above),
    blocks && share('rate-limit-blocks', 'rate-limit blocks', `< ${percent(blocks.below)}`, 'blocks', blocks.below),
  ].filter((one) => one !== null);
}

function share(
  id: string,
  title: string,
  wanted: string,
  of: 'errors' | 'cache' | 'blocks',
  allowed: number,
): ShareObjective {
  return { kind: 'share', id, title, wanted, source: { of }, allowed: rounded(allowed) };
}

function others({ cpu, gc, memory }: ObjectivesConfig): Objective[] {
  return [
    cpu && ({ kind: 'usage', id: 'cpu', title: 'CPU', wanted: `< ${percent(cpu.below)}`, below: cpu.below } as const),
    gc &&
      ({ kind: 'usage', id: 'gc', title: 'time in GC', wanted: `< ${percent(gc.below)}`, below: gc.below } as const),
    memory &&
      ({
        kind: 'growth',
        id: 'memory',
        title: 'memory growth',
        wanted: `< ${percent(memory.growthPerHourBelow)} an hour`,
        belowPerHour: memory.growthPerHourBelow,
      } as const),
  ].filter((one) => one !== null);
}

/** 0.05 and not 0.050000000000000044. */
function rounded(value: number): number {
  return Number(value.toPrecision(12));
}

/** `1 %`, `0.3 %`, `0.04 %`: as many digits as it takes. */
export function percent(share: number): string {
  const value = share * 100;
  const digits = value === 0 || value >= 10 ? 0 : value >= 1 ? 1 : 2;
  return `${Number(value.toFixed(digits))} %`;
}

export function milliseconds(seconds: number): string {
  const ms = seconds * 1_000;
  return ms >= 10_000 ? `${Number((ms / 1_000).toFixed(1))} s` : `${Number(ms.toPrecision(3))} ms`;
}
