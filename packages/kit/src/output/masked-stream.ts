import { StringDecoder } from 'node:string_decoder';
import { redact, redactStart } from '../redact.ts';

/** A prompt, or a line that is being drawn, may end as a secret begins: it is shown after so long, whether more comes or not. */
const HOLD_MS = 60;

/** The way past the mask, for text in which secrets are masked already and which must stay as it is. */
const unmasked = new WeakMap<NodeJS.WriteStream, (text: string) => void>();

/**
 * From here on nothing that is a known secret leaves through this stream, whoever writes to it and in however many pieces: what may be
 * a secret's beginning waits for what comes next, for a moment. If it must be shown before, the rest of the secret is masked when it comes.
 */
export function maskStream(stream: NodeJS.WriteStream): void {
  if (unmasked.has(stream)) return;
  const write = stream.write.bind(stream) as (text: string, done?: (error?: Error | null) => void) => boolean;
  const masking = new Masking();
  const decoder = new StringDecoder('utf8');
  let timer: NodeJS.Timeout | undefined;
  const flush = () => {
    clearTimeout(timer);
    const rest = masking.flush();
    if (rest) write(rest);
  };
  stream.write = ((chunk: string | Uint8Array, ...rest: unknown[]) => {
    const encoding = typeof rest[0] === 'string' ? (rest[0] as BufferEncoding) : 'utf8';
    const done = rest.find((one) => typeof one === 'function') as ((error?: Error | null) => void) | undefined;
    // An empty write is how to wait for all before it.
    if (chunk.length === 0) flush();
    const text = typeof chunk === 'string' ? textOf(chunk, encoding) : decoder.write(Buffer.from(chunk));
    const shown = masking.push(text);
    clearTimeout(timer);
    if (masking.holds) timer = setTimeout(flush, HOLD_MS).unref();
    return write(shown, done);
  }) as typeof stream.write;
  process.on('exit', flush);
  unmasked.set(stream, (text) => {
    flush();
    write(text);
  });
}

/** Writes what `shownJson` made: masked again, a number or a key that looks like a secret would no longer be read. */
export function writeShown(stream: NodeJS.WriteStream, text: string): void {
  const past = unmasked.get(stream);
  if (past) past(text);
  else stream.write(text);
}

function textOf(chunk: string, encoding: BufferEncoding): string {
  return encoding === 'utf8' || encoding === 'utf-8' ? chunk : Buffer.from(chunk, encoding).toString('utf8');
}

/** What of a text in pieces may be shown by now. */
export class Masking {
  /** May be the beginning of a secret, and waits. */
  #kept = '';
  /** Was shown, and may be the beginning of a secret all the same. */
  #seen = '';

  get holds(): boolean {
    return this.#kept !== '';
  }

  push(piece: string): string {
    const text = this.#seen + this.#kept + piece;
    const { shown, from } = redactStart(text);
    const seen = this.#seen.length;
    // Nothing before `seen` is shown again; a secret that began there is masked from there on.
    const fresh = from >= seen ? withoutStart(shown, text, seen) : '';
    this.#seen = from < seen ? text.slice(from, seen) : '';
    this.#kept = text.slice(Math.max(from, seen));
    return fresh;
  }

  /** What waits, shown now. */
  flush(): string {
    const text = this.#seen + this.#kept;
    const shown = withoutStart(redact(text), text, this.#seen.length);
    const { kept } = redactStart(text);
    this.#seen = kept;
    this.#kept = '';
    return shown;
  }
}

/** `shown` is `text` masked: without what stands for its first `seen` characters, which are the beginning of a secret or of none. */
function withoutStart(shown: string, text: string, seen: number): string {
  const start = text.slice(0, seen);
  return shown.startsWith(start) ? shown.slice(seen) : shown;
}
