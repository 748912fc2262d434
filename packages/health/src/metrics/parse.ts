import { OpsError } from '@drydock/kit';
import { type Labels, type Scrape, type Series, toScrape } from './scrape.ts';

const NAME = /[a-zA-Z_:][a-zA-Z0-9_:]*/y;
const LABEL = /\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*"((?:[^"\\\n]|\\.)*)"\s*(,?)/y;
const TYPE = /^#\s+TYPE\s+(\S+)\s+(\S+)\s*$/;
const TYPES = new Set(['counter', 'gauge', 'histogram', 'summary', 'untyped']);
const VALUE = /^\s+(\S+)(?:\s+(-?\d+))?\s*$/;
/** As many series as a large product has. */
const MOST_KNOWN = 50_000;

/**
 * Reads Prometheus' text format, version 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats). What is malformed is named by line
 * and metric: half a page would make rates that look right.
 */
export function parseMetrics(text: string, at: number): Scrape {
  const series: Series[] = [];
  const announced: string[] = [];
  let number = 0;
  for (const line of text.split('\n')) {
    number += 1;
    if (line.startsWith('#')) {
      const [, name, type] = TYPE.exec(line) ?? [];
      if (name === undefined || type === undefined) continue;
      if (!TYPES.has(type)) throw malformed(number, name, `has the type "${type}", which there is not`);
      announced.push(name);
    } else if (line.trim() !== '') series.push(parseLine(line.trimEnd(), number));
  }
  if (series.length === 0) throw malformed(number, 'the page', 'has no metric at all');
  return toScrape(at, series, announced);
}

function parseLine(line: string, number: number): Series {
  NAME.lastIndex = line.length - line.trimStart().length;
  const name = NAME.exec(line)?.[0];
  if (name === undefined) throw malformed(number, shortened(line), 'is no name of a metric');
  let end = NAME.lastIndex;
  let labels: Labels = {};
  const open = /^\s*\{/.exec(line.slice(end));
  if (open) {
    const raw = line.slice(end, line.lastIndexOf('}') + 1);
    const seen = known.get(raw);
    if (seen) [labels, end] = [seen, end + raw.length];
    else {
      const begin = end;
      [labels, end] = parseLabels(line, end + open[0].length, { number, name });
      remember(line.slice(begin, end), labels);
    }
  }
  // A timestamp may follow. Whose clock it is of, nobody knows: what counts is when it was asked.
  const [, text] = VALUE.exec(line.slice(end)) ?? [];
  if (text === undefined)
    throw malformed(number, name, `has "${shortened(line.slice(end).trim())}" where its value should be`);
  const value = parseValue(text);
  if (value === undefined) throw malformed(number, name, `has the value "${shortened(text)}", which is no number`);
  return { name, labels, value };
}

/** A page repeats its labels from look to look: read once, they are one object, and whatever is kept by object is kept for all looks. */
const known = new Map<string, Labels>();

function remember(raw: string, labels: Labels): void {
  if (known.size >= MOST_KNOWN) known.clear();
  known.set(raw, labels);
}

function parseLabels(line: string, start: number, of: { number: number; name: string }): [Labels, number] {
  const labels: Record<string, string> = {};
  let at = start;
  for (;;) {
    const close = /^\s*\}/.exec(line.slice(at));
    if (close) return [labels, at + close[0].length];
    LABEL.lastIndex = at;
    const found = LABEL.exec(line);
    if (!found) throw malformed(of.number, of.name, `has malformed labels near "${shortened(line.slice(at))}"`);
    const [, label = '', raw = '', comma] = found;
    if (Object.hasOwn(labels, label)) throw malformed(of.number, of.name, `has the label ${label} twice`);
    labels[label] = raw.includes('\\') ? unescapeValue(raw) : raw;
    at = LABEL.lastIndex;
    if (!comma && !/^\s*\}/.test(line.slice(at)))
      throw malformed(of.number, of.name, `has malformed labels near "${shortened(line.slice(at))}"`);
  }
}

function unescapeValue(raw: string): string {
  return raw.replace(/\\(.)/g, (whole, char: string) => ({ n: '\n', '"': '"', '\\': '\\' })[char] ?? whole);
}

/** As Go's ParseFloat does, which is what the format means by a number. */
export function parseValue(text: string): number | undefined {
  if (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) return Number(text);
  if (/^[+-]?inf(inity)?$/i.test(text))
    return text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  return /^nan$/i.test(text) ? Number.NaN : undefined;
}

function shortened(text: string): string {
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}

function malformed(line: number, name: string, what: string): OpsError {
  return new OpsError({
    code: 'METRICS_MALFORMED',
    message: `Line ${line} of the metrics cannot be read: ${name} ${what}.`,
    hint: "Is it Prometheus' text format? Let promtool say what is wrong: curl -s URL/metrics | promtool check metrics",
  });
}
