import { OpsError } from '../errors.ts';
import { redact } from '../redact.ts';
import { endTree, tieGroup } from './tree.ts';

export interface ExecOptions {
  cwd?: string;
  /** The whole environment of the child; the parent's is not inherited unless given. */
  env?: NodeJS.ProcessEnv;
  signal?: AbortSignal;
  /** Text for the child's standard input; without it the input is closed. */
  input?: string;
  /** Each line of the child's output as it comes, masked. */
  onLine?: (line: string) => void;
  /** Exit codes that are no failure. Default: only 0. */
  okCodes?: number[];
}

export interface ExecResult {
  stdout: string;
  stderr: string;
  code: number;
}

/**
 * Runs a program with an argument list through zx, which quotes each argument, in a group of its own, which ends with all that
 * it has begun when the signal fires or this process ends. Throws COMMAND_FAILED with the last lines of what the program said.
 */
export async function exec(program: string, args: string[], options: ExecOptions = {}): Promise<ExecResult> {
  options.signal?.throwIfAborted();
  const { $ } = await import('zx');
  const child = $({
    ...(options.cwd ? { cwd: options.cwd } : {}),
    ...(options.input === undefined ? {} : { input: options.input }),
    // With a pipe for its input bash takes itself for a remote login, where it has no level yet, and runs the profile of whoever we are.
    env: { SHLVL: '1', ...(options.env ?? process.env) },
    nothrow: true,
    quiet: true,
    detached: true,
    // zx prints what it runs, secrets included; tasks say themselves what they do.
    log: () => {},
    stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  })`${program} ${args}`;
  // A letter of several bytes may come in two pieces: the streams put them together, for zx as well.
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8');
  if (options.onLine) {
    forwardLines(child.stdout, options.onLine);
    forwardLines(child.stderr, options.onLine);
  }
  const { stdout, stderr, exitCode, signal } = await untilEnded(child, options.signal);
  options.signal?.throwIfAborted();
  const code = exitCode ?? 1;
  if (signal) throw failed([program, ...args], `was ended by ${signal}`, stderr || stdout);
  if (code !== 0 && !options.okCodes?.includes(code))
    throw failed([program, ...args], `ended with exit code ${code}`, stderr || stdout);
  return { stdout, stderr, code };
}

async function untilEnded<T>(child: PromiseLike<T> & { pid?: number | undefined }, signal?: AbortSignal): Promise<T> {
  const { pid } = child;
  // It could not be started; that is what it then says.
  if (pid === undefined) return child;
  const untie = tieGroup(pid);
  let ending: Promise<void> | undefined;
  const end = () => {
    ending = endTree(pid);
  };
  if (signal?.aborted) end();
  else signal?.addEventListener('abort', end, { once: true });
  try {
    const ended = await child;
    await ending;
    return ended;
  } finally {
    signal?.removeEventListener('abort', end);
    untie();
  }
}

function failed(command: string[], how: string, said: string): OpsError {
  const tail = redact(said.trim().split('\n').slice(-8).join('\n'));
  return new OpsError({
    code: 'COMMAND_FAILED',
    message: `${redact(command.join(' '))} ${how}${tail ? `: ${tail}` : '.'}`,
  });
}

/** A secret may straddle two chunks, never two lines. */
function forwardLines(stream: NodeJS.ReadableStream, onLine: (line: string) => void): void {
  let rest = '';
  stream.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(redact(line));
  });
  stream.on('end', () => {
    if (rest) onLine(redact(rest));
  });
}
