import type { Recorded } from './recorded/recordings.ts';

/** A line of a page of metrics that has a value. */
export interface Line {
  name: string;
  labels: Record<string, string>;
  value: number | string;
}

/** A page with each of its series changed, left out (undefined), or as it was; what announces them stays. */
export function editPage(page: string, edit: (line: Line) => Line | undefined): string {
  return linesOf(page)
    .flatMap((line) => {
      const edited = typeof line === 'string' ? line : edit(line);
      return edited === undefined ? [] : [typeof edited === 'string' ? edited : writeLine(edited)];
    })
    .join('\n');
}

const known = new Map<string, (string | Line)[]>();

/** Read once: rounds change the same recordings again and again. */
function linesOf(page: string): (string | Line)[] {
  const read = known.get(page) ?? page.split('\n').map(readLine);
  known.set(page, read);
  return read;
}

function readLine(text: string): string | Line {
  const [, name, labels = '', value = ''] = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(text) ?? [];
  return name ? { name, labels: readLabels(labels), value: Number(value.replace('+Inf', 'Infinity')) } : text;
}

function readLabels(text: string): Record<string, string> {
  return Object.fromEntries([...text.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, label, value]) => [label, value]));
}

function writeLine({ name, labels, value }: Line): string {
  const inside = Object.entries(labels).map(([label, text]) => `${label}="${text}"`);
  return `${name}${inside.length > 0 ? `{${inside.join(',')}}` : ''} ${value}`;
}

/** Series of several pages as one, each with the instance it is of. */
export function mergePages(pages: Record<string, string>): string {
  const all = Object.entries(pages).map(([instance, page]) =>
    editPage(page, (line) => ({ ...line, labels: { ...line.labels, instance } })),
  );
  return all.join('\n');
}

/** Looks whose pages were changed; `at` is which look it is. */
export function editLooks(looks: readonly Recorded[], edit: (line: Line, at: number) => Line | undefined): Recorded[] {
  return looks.map((look, at) => withPage(look, look.metrics && editPage(look.metrics.body, (line) => edit(line, at))));
}

export function withPage(look: Recorded, body: string | null): Recorded {
  return { ...look, metrics: body === null ? null : { status: 200, body } };
}
