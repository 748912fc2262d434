import { createRequire } from 'node:module';

// The very parser that dotenv-flow reads its files with: it decides what a line means.
const { parse } = createRequire(createRequire(import.meta.url).resolve('dotenv-flow'))('dotenv') as {
  parse(text: string): Record<string, string>;
};

/** dotenv 16's own pattern, with names: where in a text a variable stands. What it means, dotenv is asked. */
export const LINE =
  /^\s*(?:export\s+)?(?<name>[\w.-]+)(?<is>\s*=\s*?|:\s+?)(?<value>\s*'(?:\\'|[^'])*'|\s*"(?:\\"|[^"])*"|\s*`(?:\\`|[^`])*`|[^#\r\n]+)?\s*(?:#.*)?$/dgm;
/** A line that would set a variable, were it not inside of quotes. */
const SETS = /^\s*(?:export\s+)?[A-Z_][A-Z0-9_]*=[^=\s]/m;

/** A variable as a text sets it. */
export interface Setting {
  name: string;
  /** As dotenv reads it: without its quotes, and nothing in it expanded. */
  value: string;
  quote: '' | "'" | '"' | '`';
  /** From 1. */
  line: number;
  /** It has no quotes, and a # in the middle of a word ends it. */
  isCut: boolean;
  /** It begins with a quote that does not end it: the quote is a part of the value. */
  isOpen: boolean;
  /** Inside of its quotes stand lines that look like other variables. */
  swallows: boolean;
}

/** Each place at which a text sets a variable, in order; of a name that comes twice, the last counts. */
export function settingsIn(text: string): Setting[] {
  const lines = text.replaceAll(/\r\n?/g, '\n');
  return [...lines.matchAll(LINE)].map((match): Setting => {
    const { name = '', value: raw = '' } = match.groups ?? {};
    const trimmed = raw.trim();
    const isOpen = /^['"`]/.test(trimmed) && (trimmed.length < 2 || trimmed.at(-1) !== trimmed[0]);
    const quote = isOpen ? '' : ((/^['"`]/.exec(trimmed)?.[0] ?? '') as Setting['quote']);
    const [, end] = match.indices?.groups?.value ?? match.indices?.groups?.is ?? [0, 0];
    return {
      name,
      value: parse(match[0])[name] ?? '',
      quote,
      line: lineAt(lines, match.indices?.groups?.name?.[0] ?? match.index),
      isCut: quote === '' && lines[end] === '#' && !/\s/.test(lines[end - 1] ?? ' '),
      isOpen,
      swallows: quote !== '' && SETS.test(trimmed.slice(trimmed.indexOf('\n'))) && trimmed.includes('\n'),
    };
  });
}

/** Lines, from 1, that are neither a variable nor a comment: dotenv drops them without a word. Those with a quote that is never closed, too. */
export function unreadLines(text: string): number[] {
  const lines = text.replaceAll(/\r\n?/g, '\n');
  const open = new Set(settingsIn(text).flatMap(({ isOpen, line }) => (isOpen ? [line] : [])));
  let rest = '';
  let at = 0;
  for (const { index, 0: match, indices } of lines.matchAll(LINE)) {
    const isRead = !open.has(lineAt(lines, indices?.groups?.name?.[0] ?? index));
    rest += lines.slice(at, index) + (isRead ? match.replaceAll(/[^\n]/g, ' ') : match);
    at = index + match.length;
  }
  rest += lines.slice(at);
  return rest.split('\n').flatMap((line, n) => (/^[\s\uFEFF]*(#.*)?$/.test(line) ? [] : [n + 1]));
}

function lineAt(lines: string, at: number): number {
  return lines.slice(0, at).split('\n').length;
}
