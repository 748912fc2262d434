import { LINE, type OpsError, parseEnv, settingsIn, usageError } from '@drydock/kit';

/** What every reader of env files takes without quotes. */
const PLAIN = /^[\w./:@%+,~=-]+$/;

/**
 * The same text with other values (null takes a variable out), all else kept to the byte. Refuses (VALUE_NOT_KEPT, exit 2) what would not be read
 * back as it is, or would change how another variable is read. `file` is how a refusal calls it.
 */
export function setInEnv(text: string, values: Readonly<Record<string, string | null>>, file: string): string {
  let result = text;
  for (const [name, value] of Object.entries(values))
    result = value === null ? withoutVariable(result, name) : withVariable(result, { name, value, file });
  const [before, after, read] = [asWritten(text), asWritten(result), parseEnv(result)];
  for (const name of Object.keys({ ...before, ...after, ...values })) {
    const isKept = name in values ? (read[name] ?? null) === values[name] : before[name] === after[name];
    if (!isKept)
      throw notKept(Object.keys(values), file, `${name} would be read otherwise, as by a quote that is never closed`);
  }
  return result;
}

/** Each variable with its quotes: what it refers to may well be what is changed. */
function asWritten(text: string): Record<string, string> {
  return Object.fromEntries(settingsIn(text).map(({ name, quote, value }) => [name, quote + value]));
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

/** In the quotes that stood there, where they hold it. A `$` begins no reference: in single quotes every reader leaves it, elsewhere a \\ is put before it. */
function quoted({ name, value, file }: Setting, quote: string): string {
  const hasDollar = value.includes('$');
  const text = hasDollar ? value.replaceAll('$', '\\$') : value;
  const inQuotes = (hasDollar ? ["'", quote || '"', '"', '`'] : [quote || "'", "'", '"', '`']).map(
    (sign) => `${sign}${sign === "'" ? value : text}${sign}`,
  );
  const escaped = `"${text.replaceAll('\r', '\\r').replaceAll('\n', '\\n')}"`;
  const ways = [...(quote === '' && PLAIN.test(value) ? [value] : []), ...inQuotes, escaped];
  const way = ways.find((one) => parseEnv(`X=${one}\n`).X === value && !value.includes('\0'));
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
