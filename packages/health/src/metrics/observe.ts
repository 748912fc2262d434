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
  const majorGcs = rises('majorGc', names.majorGcs);
  const total = (key: keyof MetricsConfig, selector: Selector | undefined) => sumOf(rises(key, selector));
  const errors = rises('errors', names.errors);
  const requests = observeRoutes(between, names, () => rises('requests', names.buckets));
  const { memory, oldSpace } = names;
  for (const [key, selector] of [['memory', memory] as const, ['oldSpace', oldSpace] as const]) {
    const vain = selector && vainDoubt(key, selector, between);
    if (vain) doubts.push(vain);
  }
  const youngest = Math.max(...[...look.now.values()].map(({ start }) => start ?? Number.NEGATIVE_INFINITY));
  const window: Window = {
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
    majorGcs: sumOf(majorGcs),
    memory: levelOf(after, memory),
    oldSpace: levelOf(after, oldSpace),
    leftAfterMajor: leftAfter(majorGcs ?? [], after, names),
    restarts: look.restarts,
    uptimeSeconds: Number.isFinite(youngest) ? after.at / 1_000 - youngest : undefined,
    doubts: [],
    provisional: look.provisional,
  };
  const all = [...look.doubts, ...requests.doubts, ...doubts];
  if (!fellTogether(all)) return { ...window, doubts: all };
  return { ...window, ...NOTHING, doubts: [togetherDoubt(names), ...all] };
}

/** Where it may be another process's, nothing of it was counted here. */
const NOTHING = {
  routes: new Map(),
  errors: undefined,
  errorsBy: new Map(),
  ...{ cacheHits: undefined, cacheMisses: undefined, blocks: undefined },
  ...{ cpuSeconds: undefined, gcSeconds: undefined, majorGcs: undefined },
  leftAfterMajor: new Map(),
} satisfies Partial<Window>;

/** One counter may be reset; several at once are the counters of somebody else, or of a process that began anew and does not say so. */
function fellTogether(doubts: readonly Doubt[]): boolean {
  return new Set(doubts.flatMap(({ code, key }) => (code === 'COUNTER_LOST' ? [key] : []))).size > 1;
}

function togetherDoubt({ urls }: Names): Doubt {
  return {
    code: 'PROCESS_UNKNOWN',
    key: undefined,
    message: 'Several counters fell at once, and the start time of the process did not change.',
    hint: `If several instances answer at one address, set ${urls} to the address of each. Does the product reset its metrics?`,
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

/** Of those that have collected alone: what another one holds says nothing of what its collections leave. */
function leftAfter(majorGcs: readonly Increase[], after: Scrape, names: Names): Map<string, number> {
  const collected = new Set(majorGcs.flatMap(({ labels, by }) => (by > 0 ? [instanceOf(labels, names)] : [])));
  const levels = names.oldSpace && collected.size > 0 ? select(after, names.oldSpace) : [];
  return new Map(
    levels.flatMap(({ labels, value }): [string, number][] => {
      const instance = instanceOf(labels, names);
      return collected.has(instance) && Number.isFinite(value) ? [[instance, value]] : [];
    }),
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
