/** Names of query parameters whose value is a secret, whatever it looks like. */
const SECRET_NAME =
  /^(x-)?(api|app|access|auth|client|secret|private|project|session|subscription)?[-_.]?(key|token|secret|password|passwd|pwd|pass|sig|signature|credential|auth|jwt)$|^(x-amz-(signature|credential|security-token))$/i;
/** Schemes whose paths carry keys; the path of a database's address is its name, which is none. */
const WITH_KEYS = /^(https?|wss?):$/;
/** An address on the chain is public. */
const CHAIN_ADDRESS = /^0x[0-9a-f]{40}$/i;

/** The addresses in a value: one, or several separated by commas. */
function addressesIn(value: string): string[] {
  if (!value.includes('://')) return [];
  return value
    .split(/,(?=\s*[a-z][a-z0-9+.-]*:\/\/)/i)
    .map((one) => one.trim())
    .filter((one) => URL.canParse(one));
}

/** The passwords in a value's addresses, decoded. */
export function passwordsIn(value: string): string[] {
  return addressesIn(value).flatMap((one) => decoded(new URL(one).password) || []);
}

/**
 * What of a value's addresses must not be seen, wherever it turns up without the rest: user information, a password, what looks like a key in a
 * path, a query or a fragment, each as it is written and decoded. Words such as `api` and `v2` are none.
 */
export function* secretPartsOf(value: string): Generator<string> {
  for (const address of addressesIn(value)) yield* partsOf(address);
}

function* partsOf(address: string): Generator<string> {
  const { protocol, username, password, pathname, searchParams, search, hash } = new URL(address);
  const [, written = ''] = /^[a-z][a-z0-9+.-]*:\/\/([^/?#\\]*)@/i.exec(address) ?? [];
  const [, name = '', secret = ''] = /^([^:]*)(?::(.*))?$/s.exec(written) ?? [];
  if (password) {
    for (const user of new Set([...shapes(username), name]))
      for (const pass of new Set([...shapes(password), secret])) if (pass) yield `${user}:${pass}`;
    yield* shapes(password);
    if (secret) yield secret;
  }
  if (looksLikeKey(decoded(username))) yield* shapes(username);
  if (!WITH_KEYS.test(protocol)) {
    for (const [parameter, text] of searchParams) if (SECRET_NAME.test(parameter)) yield* shapes(text);
    return;
  }
  for (const segment of pathname.split(/[/;]/)) if (looksLikeKey(decoded(segment))) yield* shapes(segment);
  for (const [parameter, text] of searchParams)
    if (SECRET_NAME.test(parameter) || looksLikeKey(text))
      yield* [text, writtenIn(search, text), encodeURIComponent(text)];
  if (looksLikeKey(decoded(hash.slice(1)))) yield* shapes(hash.slice(1));
}

/** As a query has it, which need not be how we would encode it. */
function writtenIn(search: string, text: string): string {
  const values = search
    .slice(1)
    .split('&')
    .map((pair) => pair.slice(pair.indexOf('=') + 1));
  return values.find((one) => decoded(one.replaceAll('+', ' ')) === text) ?? text;
}

function shapes(encoded: string): string[] {
  return [encoded, decoded(encoded)];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A lone percent sign stands for itself.
    return text;
  }
}

/**
 * Whether a text looks like something that a machine made up: long, and of mixed kinds. Words joined by dashes, versions, dates and names of files do
 * not; a false yes would mask an ordinary word wherever it is printed.
 */
export function looksLikeKey(text: string): boolean {
  if (text.length < 12 || CHAIN_ADDRESS.test(text) || !/^[\w\-.~+=:%@!$]+$/.test(text)) return false;
  const count = (kind: RegExp) => text.match(kind)?.length ?? 0;
  const [digits, upper, lower] = [count(/\d/g), count(/[A-Z]/g), count(/[a-z]/g)];
  const runs = text.split(/[^A-Za-z0-9]+/);
  const longest = Math.max(...runs.map(({ length }) => length));
  // UUIDs, with or without dashes, and hexadecimal keys.
  if (/^[0-9a-f-]{16,}$/i.test(text) && longest >= 8 && digits >= 3) return digits < text.length || text.length >= 16;
  if (text.length < 16) return digits >= 2 && upper >= 2 && lower >= 2 && longest >= 10;
  if (digits >= 9 && longest >= 9) return true;
  if (runs.some((run) => isRandom(run))) return true;
  return false;
}

/** One run of letters and digits that no word is. */
function isRandom(run: string): boolean {
  if (run.length < 12) return false;
  const digits = run.match(/\d/g)?.length ?? 0;
  const letters = run.length - digits;
  // Words turn from letters to digits once (`staging2024`); keys do it often.
  const turns = run.match(/[A-Za-z](?=\d)|\d(?=[A-Za-z])/g)?.length ?? 0;
  const cases = run.match(/[a-z](?=[A-Z])|[A-Z](?=[A-Z][a-z])/g)?.length ?? 0;
  if (digits >= 2 && letters >= 2 && turns >= 2) return true;
  if (run.length >= 20 && cases >= 4) return true;
  return run.length >= 26;
}
