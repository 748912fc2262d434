import { open } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { isMissing } from '@drydock/kit';

const LOOK_MS = 200;
/** What is read of a file's end for its last lines. */
const TAIL_BYTES = 1024 * 1024;

/** The last lines of a file, and with `follow` those that are written until the signal. */
export async function* followed(
  file: string,
  { lines, follow, signal }: { lines: number; follow: boolean; signal: AbortSignal },
): AsyncGenerator<string> {
  let { text, size } = await readFrom(file, -TAIL_BYTES);
  const last = text.split('\n');
  let rest = last.pop() ?? '';
  yield* last.slice(-lines);
  while (follow && !signal.aborted) {
    await sleep(LOOK_MS, undefined, { signal }).catch(() => {});
    ({ text, size } = await readFrom(file, size));
    const more = (rest + text).split('\n');
    rest = more.pop() ?? '';
    yield* more;
  }
  if (rest) yield rest;
}

/** From an offset, or by a negative one so much of the end; of a file that has become shorter, all. */
async function readFrom(file: string, offset: number): Promise<{ text: string; size: number }> {
  try {
    await using handle = await open(file, 'r');
    const { size } = await handle.stat();
    const from = offset < 0 ? Math.max(0, size + offset) : offset > size ? 0 : offset;
    const buffer = Buffer.alloc(size - from);
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, from);
    return { text: buffer.toString('utf8', 0, bytesRead), size: from + bytesRead };
  } catch (cause) {
    if (isMissing(cause)) return { text: '', size: 0 };
    throw cause;
  }
}
