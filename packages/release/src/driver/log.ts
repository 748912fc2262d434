import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

/** svlogd's, at the beginning of each line: `2026-11-26_14:28:31.12345 `. */
const STAMP = /^\d{4}-\d\d-\d\d_\d\d:\d\d:\d\d\.\d+ /;
const LONGEST = 300;
/** As Node, Python, Go and many more begin the line that says what it was. */
const ERROR_LINE =
  /^\s*(?:\[[^\]]*\] *|[\w.]+ )?(?:Uncaught )?[\w.]*(?:Error|Exception|error|panic|fatal|FATAL)\b.*[:[]/;
/** What stands after it and says nothing: frames, the end of an object, the version of Node. */
const SAYS_NOTHING = /^\s*(?:at |\^|[{}[\]]|Node\.js v|drydock: )/;

/** The last lines of files, each after a name, and with `follow` those that are written until the signal. */
export async function* linesOf(
  files: readonly { name: string; file: string }[],
  { lines, follow, signal }: { lines: number; follow: boolean; signal: AbortSignal },
): AsyncGenerator<string> {
  const there = files.filter(({ file }) => existsSync(file));
  const queue: string[] = [];
  let wake = () => {};
  let open = there.length;
  const children = there.map(({ name, file }) => {
    // svlogd turns the file over: -F goes on with the new one.
    const child = spawn('tail', ['-q', '-n', String(lines), ...(follow ? ['-F'] : []), file], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    createInterface({ input: child.stdout }).on('line', (line) => {
      queue.push(`${name} ${line}`);
      wake();
    });
    child.once('close', () => {
      open -= 1;
      wake();
    });
    return child;
  });
  const stop = () => {
    for (const child of children) child.kill();
  };
  signal.addEventListener('abort', stop, { once: true });
  try {
    while (open > 0 || queue.length > 0) {
      const line = queue.shift();
      if (line !== undefined) yield line;
      else
        await new Promise<void>((done) => {
          wake = done;
        });
    }
  } finally {
    signal.removeEventListener('abort', stop);
    stop();
  }
}

/** What a program said since a moment, from its log, without its times. */
export function saidSince(file: string, since: string): string[] {
  if (!existsSync(file)) return [];
  const from = since.replace('T', '_');
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => STAMP.test(line) && line >= from)
    .map((line) => line.replace(STAMP, ''));
}

/** The line that tells why a program ended: the one that names an error, or else the last that says something. */
export function errorLine(lines: readonly string[]): string | undefined {
  const plain = lines.map(asText).filter((line) => line.trim() !== '');
  const found = plain.findLast((line) => ERROR_LINE.test(line)) ?? plain.findLast((line) => !SAYS_NOTHING.test(line));
  return found?.trim().slice(0, LONGEST);
}

/** A line of a structured log says what it says in one of a few keys. */
function asText(line: string): string {
  if (!line.startsWith('{')) return line;
  try {
    const { err, error, msg, message } = JSON.parse(line) as Record<string, unknown>;
    const inner = [err, error].find((each) => typeof each === 'object' && each !== null) as
      | { message?: unknown; type?: unknown }
      | undefined;
    if (typeof inner?.message === 'string') return `${inner.type ?? 'Error'}: ${inner.message}`;
    return [msg, message, error].find((text) => typeof text === 'string') ?? line;
  } catch {
    // Not JSON after all.
    return line;
  }
}
