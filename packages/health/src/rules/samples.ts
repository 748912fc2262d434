import type { Selector } from '../metrics/selector.ts';
import type { RulesPlan } from './plan.ts';
import { boundOf, countOf, matching } from './promql.ts';

/** Counts that rise by `each` at every one of so many steps. */
export interface Segment {
  steps: number;
  each: number;
}

export interface InputSeries {
  series: string;
  values: string;
}

const NUMBERS = '0123456789';

/** A series that a selector selects. Undefined where no example of its regular expressions can be guessed. */
export function seriesFor(selector: Selector, labels: Record<string, string>): string | undefined {
  const found: Record<string, string> = { ...labels };
  for (const { label, operator, value, matches } of selector.matchers) {
    if (matches(found[label] ?? '')) continue;
    const guesses = [value, ...(operator === '=~' ? value.split('|').flatMap(examples) : []), 'something'];
    const fits = guesses.find((guess) => matches(guess));
    if (fits === undefined) return undefined;
    found[label] = fits;
  }
  const all = selector.matchers.every(({ label, matches }) => matches(found[label] ?? ''));
  return all ? matching({ ...selector, matchers: [] }, found) : undefined;
}

/** `5..` → `500`; the rest as it stands, since it is tried before it is used. */
function examples(expression: string): string[] {
  const bare = expression.replace(/[()^$]/g, '');
  return [bare, bare.replaceAll('.*', '').replaceAll('.+', 'x'), bare.replaceAll('.', NUMBERS.charAt(0))];
}

/** promtool's own notation: `a+bxn` is a, then n times b more. */
export function counter(segments: readonly Segment[]): string {
  let value = 0;
  const parts = ['0'];
  for (const { steps, each } of segments) {
    if (steps === 0) continue;
    parts.push(`${tidy(value + each)}+${tidy(each)}x${steps - 1}`);
    value += each * steps;
  }
  return parts.join(' ');
}

const tidy = (value: number) => Number(value.toPrecision(12));

/** What an objective's share is computed from, with so many of 1,000 requests a step bad. */
export function shareSamples(
  plan: RulesPlan,
  objective: RulesPlan['shares'][number],
  bad: readonly Segment[],
  traffic = 1,
): InputSeries[] {
  const { names, labels } = plan;
  const good = bad.map(({ steps, each }) => ({ steps, each: EACH_STEP - each }));
  const all = bad.map(({ steps }) => ({ steps, each: EACH_STEP }));
  const { source } = objective;
  const wanted: [Selector | undefined, Record<string, string>, Segment[]][] = [];
  const requests = countOf(names);
  if (source.of === 'errors') wanted.push([names.errors, {}, [...bad]], [requests, {}, all]);
  if (source.of === 'blocks') wanted.push([names.blocks, {}, [...bad]], [requests, {}, all]);
  if (source.of === 'cache') wanted.push([names.cacheMisses, {}, [...bad]], [names.cacheHits, {}, good]);
  if (source.of === 'latency') {
    const [, , le] = boundOf(source.seconds, plan);
    const route = routeLabels(plan, source.route);
    wanted.push([names.buckets, { ...route, le: le.split('|')[0] ?? le }, good]);
    wanted.push([names.buckets, { ...route, le: '+Inf' }, all]);
  }
  return wanted.flatMap(([selector, more, segments]) => {
    const series = selector && seriesFor(selector, { ...labels, ...more });
    const scaled = segments.map(({ steps, each }) => ({ steps, each: each * traffic }));
    return series ? [{ series, values: counter(scaled) }] : [];
  });
}

/** Requests, or look-ups, a step. */
export const EACH_STEP = 1_000;

export function routeLabels({ names }: RulesPlan, route: string): Record<string, string> {
  const space = route.indexOf(' ');
  const path = route.slice(space + 1);
  return {
    ...(space > 0 ? { [names.methodLabel]: route.slice(0, space) } : {}),
    ...(path === '*'
      ? { [names.methodLabel]: 'GET', [names.routeLabel]: '/some/route' }
      : { [names.routeLabel]: path }),
  };
}
