import type { Labels, Scrape } from './scrape.ts';
import { matchesLabels, type Selector } from './selector.ts';

type Matcher = Selector['matchers'][number];

/** Values that a label of a known kind may have one day, whatever it has had so far. */
const FAMILIES: { is: RegExp; all: readonly string[] }[] = [
  { is: /^[1-5]\d\d$/, all: Array.from({ length: 500 }, (_, at) => String(100 + at)) },
  { is: /^[1-5]xx$/, all: ['1xx', '2xx', '3xx', '4xx', '5xx'] },
  { is: /^[1-5]XX$/, all: ['1XX', '2XX', '3XX', '4XX', '5XX'] },
  { is: /^(true|false)$/, all: ['true', 'false'] },
  // Codes of gRPC, and whatever else counts its kinds.
  { is: /^\d{1,2}$/, all: Array.from({ length: 100 }, (_, at) => String(at)) },
  // Micrometer's tag `outcome`.
  {
    is: /^(INFORMATIONAL|SUCCESS|REDIRECTION|CLIENT_ERROR|SERVER_ERROR|UNKNOWN)$/,
    all: ['INFORMATIONAL', 'SUCCESS', 'REDIRECTION', 'CLIENT_ERROR', 'SERVER_ERROR', 'UNKNOWN'],
  },
];
const MOST_NAMED = 6;

/**
 * Why no series can ever be what a selector asks for, as the end of "SELECTOR …"; undefined where one is there or may come. By instance, since
 * two versions may have other labels. A label that no series has is a mistake; a value that is absent may be one that nothing has raised
 * yet, unless it is of another kind than all values that are there: "5xx" where they are "200" and "404".
 */
export function inVain(scrape: Scrape, selector: Selector, instanceOf: (labels: Labels) => string): string | undefined {
  const all = scrape.series.get(selector.name);
  if (!all || selector.matchers.length === 0) return undefined;
  const byInstance = new Map<string, Labels[]>();
  const reached = new Set<string>();
  for (const { labels } of all) {
    const instance = instanceOf(labels);
    if (reached.has(instance)) continue;
    if (matchesLabels(selector, labels)) reached.add(instance);
    else byInstance.set(instance, [...(byInstance.get(instance) ?? []), labels]);
  }
  for (const [instance, there] of byInstance) {
    if (reached.has(instance)) continue;
    for (const matcher of selector.matchers) {
      const why = neverMatches(matcher, there);
      if (why !== undefined) return instance && byInstance.size + reached.size > 1 ? `${why}, at ${instance}` : why;
    }
  }
  return undefined;
}

function neverMatches({ label, operator, value, matches }: Matcher, there: readonly Labels[]): string | undefined {
  const values = [...new Set(there.map((labels) => labels[label] ?? ''))];
  if (values.some(matches)) return undefined;
  const given = values.filter(Boolean);
  if (given.length === 0) {
    const names = [...new Set(there.flatMap((labels) => Object.keys(labels)))].filter((name) => name !== 'le').sort();
    return `no series of it has the label ${label}${names.length > 0 ? `; they have ${names.join(', ')}` : ''}`;
  }
  const wanted = `${label}${operator}${JSON.stringify(value)}`;
  const shown = given.slice(0, MOST_NAMED).join(', ');
  return mayCome({ operator, value, matches }, given)
    ? undefined
    : `${wanted} is no kind of value that ${label} has; it has ${shown}`;
}

/** Whether a value that is not there yet could match. */
function mayCome({ operator, value, matches }: Omit<Matcher, 'label'>, given: readonly string[]): boolean {
  const family = FAMILIES.find(({ is }) => given.every((one) => is.test(one)));
  if (family) return family.all.some(matches);
  if (operator.startsWith('!') || numbered(given).some(matches)) return true;
  // Of words nobody knows what words may come, unless those that are asked for are written in another way.
  const asked = value.split('|');
  const areWords = operator === '=' || asked.every((one) => !/[\\^$.*+?()[\]{}]/.test(one));
  if (areWords) return asked.some((one) => given.some((other) => writingOf(other) === writingOf(one)));
  return /[a-z]{2}/i.test(value.replace(/\\./g, '')) || PROBES.some((one) => matches(one));
}

/** Values with a number in them, with every other number: "503 Service Unavailable" may come where "200 OK" is. */
function numbered(given: readonly string[]): string[] {
  return given.slice(0, MOST_NAMED).flatMap((one) => {
    const [number] = /\d{1,3}/.exec(one) ?? [];
    if (number === undefined) return [];
    const most = 10 ** number.length;
    return Array.from({ length: most }, (_, at) => one.replace(number, String(at).padStart(number.length, '0')));
  });
}

/** For a pattern without a word in it. */
const PROBES = [
  'error',
  'failure',
  'success',
  'ok',
  'hit',
  'miss',
  'timeout',
  'GET',
  'POST',
  'ERROR',
  'SERVER_ERROR',
  '/a/b',
];

/** `GET /a` and `POST /b/c` are written alike; `error`, `ERROR` and `500` are not. */
function writingOf(value: string): string {
  if (/^\d+$/.test(value)) return 'digits';
  if (/[/\s:.]/.test(value)) return 'path';
  if (!/[a-z]/i.test(value)) return 'other';
  if (/^\d/.test(value)) return 'digits and letters';
  return value === value.toUpperCase() ? 'capitals' : 'letters';
}
