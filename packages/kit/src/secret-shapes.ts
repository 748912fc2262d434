import { visible, visibleInJson } from './output/visible.ts';

/** Of a secret inside of other base64, what does not depend on its neighbours; a shorter one may be found by chance. */
const SHORTEST_INNER = 10;
/** A line of a key that takes several. */
const SHORTEST_LINE = 16;

/** The shapes in which a secret is usually printed, its own first. Some may be the same. */
export function* shapesOf(value: string): Generator<string> {
  yield value;
  yield value.trim();
  yield* percentEncoded(value);
  yield* quoted(value);
  yield* inBase64(Buffer.from(value));
  yield Buffer.from(value).toString('hex');
  if (/^0x[0-9a-f]{32,}$/i.test(value)) yield* [value.slice(2), value.slice(2).toLowerCase(), value.toLowerCase()];
  // A log has each line by itself.
  if (value.includes('\n'))
    for (const line of value.split(/\r?\n/))
      if (line.length >= SHORTEST_LINE && !line.startsWith('-----')) yield line.trim();
}

function* percentEncoded(value: string): Generator<string> {
  const encoded = value.isWellFormed() ? encodeURIComponent(value) : value;
  // RFC 3986 reserves a few more than ECMAScript does.
  const strict = encoded.replaceAll(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
  const form = new URLSearchParams({ '': value }).toString().slice(1);
  for (const one of [encoded, strict, form]) {
    yield one;
    yield one.replaceAll(/%[0-9A-F]{2}/g, (code) => code.toLowerCase());
  }
}

function* quoted(value: string): Generator<string> {
  const inJson = JSON.stringify(value).slice(1, -1);
  yield inJson;
  yield visibleInJson(inJson);
  yield inJson.replaceAll(/[^ -~]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
  // JSON as a text inside of JSON.
  yield JSON.stringify(inJson).slice(1, -1);
  yield visible(value);
  yield value.replaceAll("'", "''");
  yield value.replaceAll("'", "'\\''");
  const inXml = value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  yield inXml;
  yield inXml.replaceAll('"', '&quot;').replaceAll("'", '&#39;');
}

/** By itself, and as it is found wherever it begins in something longer, such as `user:password`. */
function* inBase64(bytes: Buffer): Generator<string> {
  yield bytes.toString('base64');
  yield bytes.toString('base64url');
  for (const before of [0, 1, 2]) {
    const padded = Buffer.concat([Buffer.alloc(before), bytes]);
    const first = [0, 2, 3][before] ?? 0;
    const inner = padded.toString('base64').slice(first, Math.floor((padded.length * 8) / 6));
    if (inner.length < SHORTEST_INNER) continue;
    yield inner;
    yield inner.replaceAll('+', '-').replaceAll('/', '_');
  }
}
