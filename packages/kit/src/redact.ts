/**
 * What must never reach a screen, a log, a journal or a child's output. One registry per process: a secret is masked
 * from the moment it is loaded, wherever it turns up later.
 */
const MASK = '***';
/** Shorter values would mask ordinary words. env:check warns about secrets this short. */
export const SHORTEST_SECRET = 6;

const known = new Set<string>();
let ordered: readonly string[] | undefined;

/** Registers a secret value, and the other shapes in which the same secret is usually printed. */
export function registerSecret(value: string): void {
  for (const shape of shapesOf(value)) {
    if (shape.length < SHORTEST_SECRET || known.has(shape)) continue;
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
  const password = passwordIn(value);
  if (password !== undefined) {
    yield password;
    yield decodeURIComponent(password);
  }
}

function passwordIn(value: string): string | undefined {
  if (!value.includes('://')) return undefined;
  const password = URL.parse(value)?.password;
  return password ? password : undefined;
}
