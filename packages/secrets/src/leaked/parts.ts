import { parseEnv, secretPartsOf } from '@drydock/kit';

/** A line of a key that takes several. */
const SHORTEST_LINE = 16;

/** A value, and what of it is a secret by itself, each with what it is: the password in an address, one key of a ring `kid:key,…`. */
export function partsOf(value: string): Map<string, string> {
  const parts = new Map<string, string>();
  const add = (part: string, what: string) => {
    if (part !== '' && !parts.has(part)) parts.set(part, what);
  };
  add(value, 'the value');
  add(value.trim(), 'the value');
  const password = URL.parse(value)?.password;
  if (password) for (const one of [password, decoded(password)]) add(one, 'the password in it');
  for (const part of secretPartsOf(value)) add(part, 'a part of its address');
  if (!value.includes('://') && /[,;\s]/.test(value))
    for (const one of value.split(/[,;\s]+/)) {
      add(one, 'one key of it');
      add(one.slice(one.indexOf(':') + 1), 'one key of it');
    }
  for (const line of value.split(/\r?\n/))
    if (line.length >= SHORTEST_LINE && !line.startsWith('-----')) add(line, 'a line of it');
  return parts;
}

/** What somebody may mean who hands a text over: itself, what it is the assignment or the encoding of, and the parts of each. */
export function meantBy(text: string): string[] {
  const trimmed = text.trim();
  const written = [text, trimmed, ...Object.values(parseEnv(text)), trimmed.replaceAll(/^["'`]+|["'`,;]+$/g, '')];
  const read = written
    .flatMap((one) => [one, decoded(one), fromJson(one), fromBase64(one)])
    .filter((one) => one !== undefined);
  return [...new Set(read.flatMap((one) => [...partsOf(one).keys()]))].filter((one) => one !== '');
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A lone percent sign stands for itself.
    return text;
  }
}

function fromJson(text: string): string | undefined {
  try {
    const read: unknown = JSON.parse(text.startsWith('"') ? text : `"${text}"`);
    return typeof read === 'string' ? read : undefined;
  } catch {
    // It is no JSON, and means itself.
    return undefined;
  }
}

function fromBase64(text: string): string | undefined {
  if (!/^[A-Za-z0-9+/_-]{8,}={0,2}$/.test(text)) return undefined;
  const read = Buffer.from(text, 'base64').toString('utf8');
  return read.includes('\uFFFD') ? undefined : read;
}
