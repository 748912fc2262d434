import { createRequire } from 'node:module';
import { type OpsError, usageError } from '@drydock/kit';

// The very parser that dotenv-flow reads its files with: it decides what a line means.
const { parse } = createRequire(createRequire(import.meta.url).resolve('dotenv-flow'))('dotenv') as {
  parse(text: string): Record<string, string>;
};

/** dotenv 16's own pattern, with names: where in a text a variable stands. What it means, dotenv is asked. */
const LINE =
  /^\s*(?:export\s+)?(?<name>[\w.-]+)(?<is>\s*=\s*?|:\s+?)(?<value>\s*'(?:\\'|[^'])*'|\s*"(?:\\"|[^"])*"|\s*`(?:\\`|[^`])*`|[^#\r\n]+)?\s*(?:#.*)?$/dgm;
/** What every reader of env files takes without quotes. */
const PLAIN = /^[\w./:@%+,~=-]+$/;

/** The variables of an env file, as dotenv-flow reads them. */
export function parseEnv(text: string): Record<string, string> {
  return parse(text);
}

/**
 * The same text with other values (null takes a variable out), all else kept to the byte. Refuses (VALUE_NOT_KEPT, exit 2) what would not be read
 * back as it is, or would change how another variable is read. `file` is how a refusal calls it.
 */
export function setInEnv(text: string, values: Readonly<Record<string, string | null>>, file: string): string {
  let result = text;
  for (const [name, value] of Object.entries(values))
    result = value === null ? withoutVariable(result, name) : withVariable(result, { name, value, file });
  const wanted = Object.fromEntries(
    Object.entries({ ...parse(text), ...values }).filter((entry): entry is [string, string] => entry[1] !== null),
  );
  const read = parse(result);
  for (const name of Object.keys({ ...wanted, ...read }))
    if (wanted[name] !== read[name])
      throw notKept(Object.keys(values), file, `${name} would be read otherwise, as by a quote that is never closed`);
  return result;
}

/** Lines, from 1, that are neither a variable nor a comment: dotenv drops them without a word. Those with a quote that is never closed, too. */
export function unreadLines(text: string): number[] {
  const { lines } = normalized(text);
  const read = [...lines.matchAll(LINE)].filter(({ groups }) => !hasOpenQuote(groups?.value));
  let rest = '';
  let at = 0;
  for (const { index, 0: match } of read) {
    rest += lines.slice(at, index) + match.replaceAll(/[^\n]/g, ' ');
    at = index + match.length;
  }
  rest += lines.slice(at);
  return rest.split('\n').flatMap((line, n) => (/^[\s\uFEFF]*(#.*)?$/.test(line) ? [] : [n + 1]));
}

function hasOpenQuote(value = ''): boolean {
  const text = value.trim();
  return /^['"`]/.test(text) && (text.length < 2 || text.at(-1) !== text[0]);
}

interface Setting {
  name: string;
  value: string;
  file: string;
}

function withVariable(text: string, { name, value, file }: Setting): string {
  const place = placesOf(text, name).at(-1);
  if (!place) {
    const end = /\r\n/.test(text) ? '\r\n' : '\n';
    const before = text === '' || text.endsWith('\n') ? text : `${text}${end}`;
    return `${before}${name}=${quoted({ name, value, file }, "'")}${end}`;
  }
  const [from, to] = place.value;
  const [quote = ''] = /^['"`]/.exec(text.slice(from, to)) ?? [];
  return text.slice(0, from) + quoted({ name, value, file }, quote) + text.slice(to);
}

/** Every place of it, with the rest of its line: the last one alone would bring the one before to light. */
function withoutVariable(text: string, name: string): string {
  return placesOf(text, name).reduceRight((rest, { line: [from, to] }) => rest.slice(0, from) + rest.slice(to), text);
}

interface Place {
  /** From and to, in the text. */
  value: [number, number];
  line: [number, number];
}

function placesOf(text: string, name: string): Place[] {
  const { lines, offsetOf } = normalized(text);
  return [...lines.matchAll(LINE)]
    .filter(({ groups }) => groups?.name === name)
    .map(({ indices }): Place => {
      const at = indices?.groups ?? {};
      const [start = 0] = at.name ?? [];
      const [, afterSign = 0] = at.is ?? [];
      const [from, to] = at.value ?? [afterSign, afterSign];
      const raw = lines.slice(from, to);
      const first = from + (raw.trim() === '' ? 0 : raw.length - raw.trimStart().length);
      const last = first + raw.trim().length;
      const next = lines.indexOf('\n', last);
      return {
        value: [offsetOf(first), offsetOf(last)],
        line: [offsetOf(lines.lastIndexOf('\n', start - 1) + 1), offsetOf(next === -1 ? lines.length : next + 1)],
      };
    });
}

/** As dotenv looks at it, every line ended by \n; and where in the text each of its signs stands. */
function normalized(text: string): { lines: string; offsetOf(at: number): number } {
  const offsets: number[] = [];
  for (let at = 0; at < text.length; at++) if (text[at] !== '\n' || text[at - 1] !== '\r') offsets.push(at);
  return { lines: text.replaceAll(/\r\n?/g, '\n'), offsetOf: (at) => offsets[at] ?? text.length };
}

/** In the quotes that stood there, where they hold it. */
function quoted({ name, value, file }: Setting, quote: string): string {
  const inQuotes = [quote || "'", "'", '"', '`'].map((sign) => `${sign}${value}${sign}`);
  const escaped = `"${value.replaceAll('\r', '\\r').replaceAll('\n', '\\n')}"`;
  const ways = [...(quote === '' && PLAIN.test(value) ? [value] : []), ...inQuotes, escaped];
  const way = ways.find((one) => parse(`X=${one}\n`).X === value && !value.includes('\0'));
  if (way === undefined) throw notKept([name], file, 'no quotes hold the value');
  return way;
}

function notKept(names: readonly string[], file: string, why: string): OpsError {
  return usageError(
    'VALUE_NOT_KEPT',
    `${names.join(', ')} cannot be written to ${file} so that it is read back as it is: ${why}.`,
    `Take a value without quotes, or mend ${file}. Nothing was changed.`,
  );
}
