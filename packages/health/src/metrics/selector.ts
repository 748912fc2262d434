import { usageError } from '@drydock/kit';
import type { Labels, Scrape, Series } from './scrape.ts';

interface Matcher {
  label: string;
  operator: '=' | '!=' | '=~' | '!~';
  value: string;
  matches(value: string): boolean;
}

/** A metric, or some of its series. */
export interface Selector {
  text: string;
  name: string;
  matchers: readonly Matcher[];
}

const PART = /\s*([a-zA-Z_]\w*)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"\s*(?:,|$)/y;
const parsed = new Map<string, Selector>();

/** `http_requests_total{status=~"5.."}`, read as Prometheus reads it: regular expressions match from end to end. */
export function parseSelector(text: string): Selector {
  const known = parsed.get(text);
  if (known) return known;
  const [, name = '', inside = ''] = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?$/.exec(text.trim()) ?? [];
  if (!name) throw wrong(text, 'has no name of a metric in front');
  const matchers: Matcher[] = [];
  PART.lastIndex = 0;
  while (PART.lastIndex < inside.trimEnd().length) {
    const at = PART.lastIndex;
    const [, label = '', operator = '=', raw = ''] = PART.exec(inside) ?? [];
    if (!label) throw wrong(text, `cannot be read near "${inside.slice(at)}"`);
    matchers.push(matcher(text, label, operator as Matcher['operator'], raw.replace(/\\(["\\])/g, '$1')));
  }
  const selector = { text, name, matchers };
  parsed.set(text, selector);
  return selector;
}

function matcher(text: string, label: string, operator: Matcher['operator'], value: string): Matcher {
  const negative = operator.startsWith('!');
  if (!operator.endsWith('~'))
    return { label, operator, value, matches: negative ? (one) => one !== value : (one) => one === value };
  let expression: RegExp;
  try {
    expression = new RegExp(`^(?:${value})$`, 's');
  } catch (cause) {
    throw wrong(text, `has a regular expression that cannot be read (${(cause as Error).message})`);
  }
  return { label, operator, value, matches: (one) => expression.test(one) !== negative };
}

/** The same selector of another name: `_bucket`, `_sum` and `_count` of a histogram. */
export function withSuffix(selector: Selector, suffix: string): Selector {
  return parseSelector(
    `${selector.name}${suffix}${selector.text.slice(selector.text.indexOf(selector.name) + selector.name.length)}`,
  );
}

export function matchesLabels(selector: Selector, labels: Labels): boolean {
  return selector.matchers.every(({ label, matches }) => matches(labels[label] ?? ''));
}

/** Series of a scrape that a selector means. */
export function select(scrape: Scrape, selector: Selector): Series[] {
  return (scrape.series.get(selector.name) ?? []).filter(({ labels }) => matchesLabels(selector, labels));
}

function wrong(text: string, what: string) {
  return usageError(
    'SELECTOR_WRONG',
    `The metric ${text} in health.metrics ${what}.`,
    'Write it as Prometheus does: http_requests_total{status=~"5..",route!="/metrics"}',
  );
}
