import type { Doubt } from './doubt.ts';
import { type Between, type Increase, increases } from './increase.ts';
import type { MetricsConfig, Names } from './names.ts';
import { instanceOf, type Look, Processes } from './processes.ts';
import { inVain } from './reach.ts';
import { observeRoutes } from './requests.ts';
import type { Scrape } from './scrape.ts';
import { type Selector, select } from './selector.ts';
import type { Level, Window } from './window.ts';

/** What happened between two scrapes, by themselves. */
export function observe(before: Scrape, after: Scrape, names: Names): Window {
  const processes = new Processes(names);
  processes.look(before);
  return observeLook(before.at, after, processes.look(after), names);
}

/** What happened since the scrape before. */
export function observeLook(from: number, after: Scrape, look: Look, names: Names): Window {
  const between: Between = { after, look, instanceOf: (labels) => instanceOf(labels, names) };
  const doubts: Doubt[] = [];
  const pasts = [...look.pasts.values()];
  const isKnown = pasts.some((past) => past.is !== 'unknown');
  const rises = (key: keyof MetricsConfig, selector: Selector | undefined): Increase[] | undefined => {
    if (!selector || !isAnnounced(after, selector)) return undefined;
    const vain = vainDoubt(key, selector, between);
    const { all, lost } = increases(between, selector);
    if (vain) doubts.push(vain);
    if (lost !== undefined) doubts.push(lostDoubt(key, lost, names));
    return vain || lost !== undefined || !isKnown ? undefined : all;
  };
  const total = (key: keyof MetricsConfig, selector: Selector | undefined) => sumOf(rises(key, selector));
  const errors = rises('errors', names.errors);
  const requests = observeRoutes(between, names, () => rises('requests', names.buckets));
  const { memory, oldSpace } = names;
  for (const [key, selector] of [['memory', memory] as const, ['oldSpace', oldSpace] as const]) {
    const vain = selector && vainDoubt(key, selector, between);
    if (vain) doubts.push(vain);
  }
  const youngest = Math.max(...[...look.now.values()].map(({ start }) => start ?? Number.NEGATIVE_INFINITY));
  return {
    from,
    to: after.at,
    instanceSeconds: secondsSeen(from, after.at, look),
    instances: Math.max(1, look.pasts.size),
    routes: requests.routes,
    errors: sumOf(errors),
    errorsBy: byLabels(errors ?? [], names),
    cacheHits: total('cacheHits', names.cacheHits),
    cacheMisses: total('cacheMisses', names.cacheMisses),
    blocks: total('blocks', names.blocks),
    cpuSeconds: total('cpu', names.cpu),
    gcSeconds: total('gc', names.gcSeconds),
    majorGcs: total('majorGc', names.majorGcs),
    memory: levelOf(after, memory),
    oldSpace: levelOf(after, oldSpace),
    restarts: look.restarts,
    uptimeSeconds: Number.isFinite(youngest) ? after.at / 1_000 - youngest : undefined,
    doubts: [...look.doubts, ...requests.doubts, ...doubts],
    provisional: look.provisional,
  };
}

/** Since each process was last seen: one that did not answer for a while has counted on. */
function secondsSeen(from: number, to: number, { pasts }: Look): number {
  const spans = [...pasts.values()].map((past) =>
    past.is === 'same' ? to - past.from : past.is === 'begun' ? to - from : 0,
  );
  return spans.reduce((sum, ms) => sum + ms, 0) / 1_000;
}

function sumOf(rises: readonly Increase[] | undefined): number | undefined {
  return rises?.reduce((sum, { by }) => sum + by, 0);
}

function byLabels(rises: readonly Increase[], { instanceLabel }: Names): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { labels, by } of rises) {
    if (by === 0) continue;
    const told = Object.entries(labels).filter(([label]) => label !== instanceLabel && label !== '__name__');
    const key = `{${told.map(([label, value]) => `${label}="${value}"`).join(',')}}`;
    counts.set(key, (counts.get(key) ?? 0) + by);
  }
  return counts;
}

/** Undefined where a selector means something that is there, or may come. */
export function vainDoubt(
  key: keyof MetricsConfig,
  selector: Selector,
  { after, instanceOf }: Pick<Between, 'after' | 'instanceOf'>,
): Doubt | undefined {
  const why = inVain(after, selector, instanceOf);
  if (why === undefined) return undefined;
  return {
    code: 'SELECTOR_IN_VAIN',
    key,
    message: `${selector.text} can match no series: ${why}.`,
    hint: `Write health.metrics.${key} in drydock.config.ts by the labels that the product has.`,
  };
}

function lostDoubt(key: keyof MetricsConfig, what: string, { urls }: Names): Doubt {
  return {
    code: 'COUNTER_LOST',
    key,
    message: `In a process that was not restarted, ${what}: what was counted meanwhile is not known.`,
    hint: `Does the product reset or remove its metrics? If several instances answer at one address, set ${urls} to the address of each.`,
  };
}

function isAnnounced(scrape: Scrape, { name }: Selector): boolean {
  return (
    scrape.series.has(name) ||
    scrape.announced.has(name) ||
    scrape.announced.has(name.replace(/_(bucket|sum|count|total)$/, ''))
  );
}

/** The largest instance: one that runs out is not helped by the others. */
function levelOf(scrape: Scrape, selector: Selector | undefined): Level | undefined {
  if (!selector) return undefined;
  const values = select(scrape, selector)
    .map(({ value }) => value)
    .filter(Number.isFinite);
  if (values.length === 0) return undefined;
  const most = Math.max(...values);
  return { least: most, most, last: most };
}
