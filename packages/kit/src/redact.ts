import { shapesOf } from './secret-shapes.ts';
import { looksLikeKey, secretPartsOf } from './url-secrets.ts';

/**
 * What must never reach a screen, a log, a journal or a child's output. One registry per process: a secret is masked
 * from the moment it is loaded, wherever it turns up later.
 */
const MASK = '***';
const SHORTEST_SECRET = 6;
/** Up to this length a text of letters alone may be a word, or a name. */
const LONGEST_WORD = 15;

/**
 * Why a secret cannot be masked by itself, as the end of "NAME is …": it would mask ordinary words, and break the names that a plan
 * and a journal go by. env:check tells of it.
 */
export function unmaskable(value: string): { code: 'SECRET_TOO_SHORT' | 'SECRET_TOO_PLAIN'; why: string } | undefined {
  if (value.length < SHORTEST_SECRET) return { code: 'SECRET_TOO_SHORT', why: 'too short to be masked in outputs' };
  const plain = value.length <= LONGEST_WORD && (/^[A-Za-z]?[a-z]+$|^[A-Z]+$/.test(value) || /^\d+$/.test(value));
  return plain
    ? { code: 'SECRET_TOO_PLAIN', why: 'an ordinary word or number, which cannot be masked in outputs' }
    : undefined;
}

const known = new Set<string>();
let compiled: Compiled | undefined;

/** Every known secret: as one pattern, and by its first character. */
interface Compiled {
  pattern: RegExp | undefined;
  byFirst: ReadonlyMap<string, readonly string[]>;
  longest: number;
}

/** Registers a secret value, and the other shapes in which the same secret is usually printed. */
export function registerSecret(value: string): void {
  register(value);
  registerAddress(value);
  for (const one of keysIn(value)) register(one);
}

/** The keys in a list of them, with or without a name and a form before each: `kid1:private.KEY,kid0:KEY`. */
function keysIn(value: string): string[] {
  if (value.includes('://') || !/[,;:\s]/.test(value)) return [];
  return value
    .split(/[,;\s]+/)
    .flatMap((one) => [one, one.slice(one.indexOf(':') + 1), one.slice(one.lastIndexOf('.') + 1)])
    .filter(looksLikeKey);
}

/** Registers what is secret in an address that may be seen otherwise: user information, and keys in its path or query. */
export function registerAddress(value: string): void {
  for (const part of secretPartsOf(value)) register(part);
}

function register(value: string): void {
  for (const shape of shapesOf(value)) {
    if (unmaskable(shape) || known.has(shape)) continue;
    known.add(shape);
    compiled = undefined;
  }
}

/** Replaces every known secret in a text by `***`; of two that begin at the same place the longer one. */
export function redact(text: string): string {
  const { pattern } = compile();
  return pattern ? text.replace(pattern, MASK) : text;
}

/** A text that goes on, in pieces: each as what can be shown of it, and what is left may be the beginning of a secret. */
export function redactStart(text: string): { shown: string; kept: string; from: number } {
  const { pattern, longest } = compile();
  let kept = startOfSecret(text, Math.max(0, text.length - longest + 1));
  let [shown, at] = ['', 0];
  for (const { index, 0: secret } of pattern ? text.matchAll(pattern) : []) {
    if (index >= kept) break;
    const end = index + secret.length;
    shown += text.slice(at, index) + MASK;
    at = end;
    if (kept < end) kept = startOfSecret(text, end);
  }
  return { shown: shown + text.slice(at, kept), kept: text.slice(kept), from: kept };
}

/** Where the text ends as a secret begins; its length, if it does not. */
function startOfSecret(text: string, from: number): number {
  const { byFirst } = compile();
  for (let at = from; at < text.length; at++) {
    const rest = text.length - at;
    const begins = byFirst.get(text[at] ?? '')?.some((one) => one.length > rest && one.startsWith(text.slice(at)));
    if (begins) return at;
  }
  return text.length;
}

function compile(): Compiled {
  if (compiled) return compiled;
  const ordered = [...known].sort((a, b) => b.length - a.length);
  const pattern = ordered.length > 0 ? new RegExp(ordered.map(literally).join('|'), 'g') : undefined;
  const byFirst = Map.groupBy(ordered, (one) => one[0] ?? '');
  compiled = { pattern, byFirst, longest: ordered[0]?.length ?? 0 };
  return compiled;
}

function literally(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}

/** The same data, as JSON would have it, with every known secret in its texts replaced; keys and numbers stay what they are. */
export function redactData<T>(data: T): T {
  if (typeof data === 'string') return redact(data) as T;
  if (Array.isArray(data)) return data.map((one) => redactData(one)) as T;
  if (typeof data !== 'object' || data === null) return data;
  if ('toJSON' in data && typeof data.toJSON === 'function') return redactData(data.toJSON());
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, redactData(value)])) as T;
}
