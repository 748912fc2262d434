import type { Names } from '../metrics/names.ts';
import type { Selector } from '../metrics/selector.ts';
import { EVERY_ROUTE } from '../objectives/list.ts';
import type { ShareObjective } from '../objectives/types.ts';

/** What a rule is made from, beside the objective. */
export interface Vocabulary {
  names: Names;
  /** Labels that tell this environment's series from others, as health.prometheus.labels has them. */
  labels: Record<string, string>;
  /** Ends of the histogram's buckets in seconds, ascending; undefined where nobody could be asked. */
  bounds: readonly number[] | undefined;
}

type Extra = readonly [label: string, operator: '=' | '=~', value: string];

/** A selector as text, with the environment's labels and more. */
export function matching(selector: Selector, labels: Vocabulary['labels'], extra: readonly Extra[] = []): string {
  const all = [
    ...selector.matchers.map(({ label, operator, value }) => [label, operator, value] as const),
    ...Object.entries(labels).map(([label, value]) => [label, '=', value] as const),
    ...extra,
  ];
  const inside = all.map(([label, operator, value]) => `${label}${operator}${JSON.stringify(value)}`).join(',');
  return inside ? `${selector.name}{${inside}}` : selector.name;
}

/** An objective as two rates that can be divided: what was bad, and everything. */
export interface Share {
  bad: string;
  total: string;
}

/** For a route of `*` there is one share by route, otherwise one alone. */
export function shareOf(objective: ShareObjective, vocabulary: Vocabulary, window: string): Share {
  const { names, labels } = vocabulary;
  const sum = (selector: Selector | undefined, extra: readonly Extra[] = []) =>
    selector ? `sum(rate(${matching(selector, labels, extra)}[${window}]))` : 'vector(0)';
  const requests = sum(countOf(names));
  // A labelled counter that nothing has raised yet has no series: that is none, not unknown.
  const orNone = (expression: string) => `(${expression} or vector(0))`;
  const { source } = objective;
  switch (source.of) {
    case 'errors':
      return { bad: orNone(sum(names.errors)), total: requests };
    case 'blocks':
      return { bad: orNone(sum(names.blocks)), total: requests };
    case 'cache': {
      const misses = orNone(sum(names.cacheMisses));
      return { bad: misses, total: `(${orNone(sum(names.cacheHits))} + ${misses})` };
    }
    case 'latency': {
      const { by, extra } = routesOf(objective, names);
      const rate = (le: readonly Extra[]) =>
        `sum${by}(rate(${matching(names.buckets, labels, [...extra, ...le])}[${window}]))`;
      const total = rate([['le', '=', '+Inf']]);
      return { bad: `(${total} - ${rate([boundOf(source.seconds, vocabulary)])})`, total };
    }
  }
}

/** The series of the counter of all requests: a histogram's last bucket. */
export function countOf({ buckets }: Names): Selector {
  return { ...buckets, name: buckets.name.replace(/_bucket$/, '_count') };
}

/** `sum by (…)` of an objective's routes, and what selects them. */
export function routesOf({ source }: ShareObjective, names: Names): { by: string; extra: Extra[] } {
  if (source.of !== 'latency') return { by: '', extra: [] };
  const { routeLabel, methodLabel } = names;
  const space = source.route.indexOf(' ');
  const [method, route] =
    space < 0 ? ['', source.route] : [source.route.slice(0, space), source.route.slice(space + 1)];
  if (route === EVERY_ROUTE) return { by: ` by (${methodLabel}, ${routeLabel}) `, extra: [] };
  // Metrics that do not tell the method have it empty.
  return { by: '', extra: [[routeLabel, '=', route], ...(method ? [[methodLabel, '=~', `${method}|`] as const] : [])] };
}

/**
 * The bucket that ends at the bound, or the next above it, where the gate reads a bucket that straddles the bound the same lenient way.
 * Prometheus 3 writes 1 as "1.0".
 */
export function boundOf(seconds: number, { names, bounds }: Vocabulary): Extra {
  const end = bounds?.find((bound) => bound >= seconds) ?? seconds;
  const text = String(Number((end / names.scale).toPrecision(12)));
  if (!Number.isFinite(end)) return ['le', '=', '+Inf'];
  return text.includes('.') ? ['le', '=', text] : ['le', '=~', `${text}|${text}\\.0`];
}

export function quantileIn(objective: ShareObjective, { names, labels }: Vocabulary, window: string): string {
  if (objective.source.of !== 'latency') throw new Error(`${objective.id} has no quantile`);
  const { by, extra } = routesOf(objective, names);
  const grouped = by ? by.replace('(', '(le, ') : ' by (le) ';
  const rate = `sum${grouped}(rate(${matching(names.buckets, labels, extra)}[${window}]))`;
  const scale = names.scale === 1 ? '' : ` * ${names.scale}`;
  return `histogram_quantile(${objective.source.quantile}, ${rate})${scale}`;
}

/** A route with an objective of its own is not one of the rest: ` unless on (…) …` for those of `*`. */
export function exceptNamed(
  shares: readonly ShareObjective[],
  objective: ShareObjective,
  vocabulary: Vocabulary,
  window: string,
): string {
  const { names, labels } = vocabulary;
  if (!routesOf(objective, names).by) return '';
  const named = shares.flatMap((one) => {
    const { by, extra } = routesOf(one, names);
    return one.source.of !== 'latency' || by ? [] : [matching(names.buckets, labels, [...extra, ['le', '=', '+Inf']])];
  });
  const on = `on (${names.methodLabel}, ${names.routeLabel})`;
  return named.map((one) => ` unless ${on} rate(${one}[${window}])`).join('');
}
