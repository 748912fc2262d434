import { secretPartsOf } from './url-secrets.ts';

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
let ordered: readonly string[] | undefined;

/** Registers a secret value, and the other shapes in which the same secret is usually printed. */
export function registerSecret(value: string): void {
  register(value);
  registerAddress(value);
}

/** Registers what is secret in an address that may be seen otherwise: user information, and keys in its path or query. */
export function registerAddress(value: string): void {
  for (const part of secretPartsOf(value)) register(part);
}

function register(value: string): void {
  for (const shape of shapesOf(value)) {
    if (unmaskable(shape) || known.has(shape)) continue;
    known.add(shape);
    ordered = undefined;
  }
}

/** Replaces every known secret in a text by `***`. */
export function redact(text: string): string {
  // Longest first, so that a secret that contains another one is masked whole.
  ordered ??= [...known].sort((a, b) => b.length - a.length);
  let masked = text;
  for (const secret of ordered) {
    if (masked.includes(secret)) masked = masked.replaceAll(secret, MASK);
  }
  return masked;
}

function* shapesOf(value: string): Generator<string> {
  yield value;
  yield encodeURIComponent(value);
  yield JSON.stringify(value).slice(1, -1);
  yield Buffer.from(value).toString('base64');
  yield Buffer.from(value).toString('base64url');
}

/** The same data with every known secret in its texts replaced; keys and numbers stay what they are. */
export function redactData<T>(data: T): T {
  if (typeof data === 'string') return redact(data) as T;
  if (Array.isArray(data)) return data.map((one) => redactData(one)) as T;
  if (typeof data !== 'object' || data === null) return data;
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, redactData(value)])) as T;
}
