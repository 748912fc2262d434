import type { HealthConfig } from '../config/health.ts';
import type { Scrape } from './scrape.ts';
import { parseSelector, type Selector, withSuffix } from './selector.ts';

export type MetricsConfig = HealthConfig['metrics'];

/** The product's own names for what Drydock looks at. */
export interface Names {
  buckets: Selector;
  sums: Selector;
  counts: Selector;
  routeLabel: string;
  methodLabel: string;
  instanceLabel: string;
  /** What a duration is multiplied by to be seconds. */
  scale: number;
  errors: Selector | undefined;
  cacheHits: Selector | undefined;
  cacheMisses: Selector | undefined;
  blocks: Selector | undefined;
  cpu: Selector | undefined;
  gcSeconds: Selector | undefined;
  majorGcs: Selector | undefined;
  memory: Selector | undefined;
  oldSpace: Selector | undefined;
  started: Selector | undefined;
  /** The variable that holds the addresses of all instances. */
  urls: string;
}

export function namesOf(metrics: MetricsConfig, instanceLabel = 'instance'): Names {
  const selector = (text: string | null, suffix = '') =>
    text === null ? undefined : withSuffix(parseSelector(text), suffix);
  const requests = parseSelector(metrics.requests);
  return {
    buckets: withSuffix(requests, '_bucket'),
    sums: withSuffix(requests, '_sum'),
    counts: withSuffix(requests, '_count'),
    routeLabel: metrics.routeLabel,
    methodLabel: metrics.methodLabel,
    instanceLabel,
    scale: metrics.unit === 'seconds' ? 1 : 0.001,
    errors: selector(metrics.errors),
    cacheHits: selector(metrics.cacheHits),
    cacheMisses: selector(metrics.cacheMisses),
    blocks: selector(metrics.blocks),
    cpu: selector(metrics.cpu),
    gcSeconds: selector(metrics.gc, '_sum'),
    majorGcs: selector(metrics.majorGc, '_count'),
    memory: selector(metrics.memory),
    oldSpace: selector(metrics.oldSpace),
    started: selector(metrics.started),
    urls: metrics.urls,
  };
}

/** Every selector in use, with the key of health.metrics that holds it. */
export function selectorsOf(names: Names): Keyed[] {
  return [
    ...countersOf(names),
    ...keyed([
      ['requests', names.sums],
      ['requests', names.counts],
      ['memory', names.memory],
      ['oldSpace', names.oldSpace],
      ['started', names.started],
    ]),
  ];
}

interface Keyed {
  key: keyof MetricsConfig;
  selector: Selector;
}

/** Those that only rise. The sum of a histogram may fall: it observes what it is given. */
export function countersOf(names: Names): Keyed[] {
  return keyed([
    ['requests', names.buckets],
    ['errors', names.errors],
    ['cacheHits', names.cacheHits],
    ['cacheMisses', names.cacheMisses],
    ['blocks', names.blocks],
    ['cpu', names.cpu],
    ['gc', names.gcSeconds],
    ['majorGc', names.majorGcs],
  ]);
}

function keyed(all: readonly [keyof MetricsConfig, Selector | undefined][]): Keyed[] {
  return all.flatMap(([key, selector]) => (selector ? [{ key, selector }] : []));
}

export interface Missing {
  key: keyof MetricsConfig;
  name: string;
  /** Names that are there and look like it. */
  similar: string[];
}

/** Metrics by name that a scrape neither has nor announces. A labelled counter that nothing has raised yet is announced. */
export function findMissing(scrape: Scrape, names: Names): Missing[] {
  const there = [...new Set([...scrape.series.keys(), ...scrape.announced])];
  const missing = selectorsOf(names).flatMap(({ key, selector }): Missing[] => {
    const base = selector.name.replace(/_(bucket|sum|count)$/, '');
    // OpenMetrics announces a counter without its ending.
    const names = [selector.name, base, base.replace(/_total$/, '')];
    const found = scrape.series.has(selector.name) || names.some((name) => scrape.announced.has(name));
    return found ? [] : [{ key, name: base, similar: similarTo(base, there) }];
  });
  return missing.filter((one, at) => missing.findIndex(({ name }) => name === one.name) === at);
}

function similarTo(name: string, there: readonly string[]): string[] {
  const words = new Set(name.split('_'));
  const scored = there.map((other) => {
    const others = other.split('_');
    return { other, score: others.filter((word) => words.has(word)).length / Math.max(words.size, others.length) };
  });
  return scored
    .filter(({ score, other }) => score >= 0.4 && !/_(bucket|sum|count)$/.test(other))
    .sort((a, b) => b.score - a.score)
    .slice(0, 3)
    .map(({ other }) => other);
}
