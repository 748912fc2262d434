import { parseValue } from './parse.ts';
import type { Labels } from './scrape.ts';

const keys = new WeakMap<Labels, string>();
const groups = new WeakMap<Labels, string>();

/** Labels in one order, whatever order they were written in; the bound of a bucket by its number: `1` and `1.0` are one. */
export function keyOf(labels: Labels): string {
  return remembered(keys, labels, () => written(labels, (label, value) => (label === 'le' ? boundText(value) : value)));
}

/** The same without the bound: what all buckets of one histogram share with its `_count`. */
export function groupOf(labels: Labels): string {
  return remembered(groups, labels, () => written(labels, (label, value) => (label === 'le' ? undefined : value)));
}

function written(labels: Labels, text: (label: string, value: string) => string | undefined): string {
  return Object.keys(labels)
    .sort()
    .flatMap((label) => {
      const value = text(label, labels[label] ?? '');
      // An empty label is none (prometheus.io, "Data model").
      return value ? `${label}\u0000${value}` : [];
    })
    .join('\u0001');
}

function boundText(le: string): string {
  return String(parseValue(le) ?? le);
}

function remembered(cache: WeakMap<Labels, string>, labels: Labels, make: () => string): string {
  const known = cache.get(labels);
  if (known !== undefined) return known;
  const key = make();
  cache.set(labels, key);
  return key;
}
