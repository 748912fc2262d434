import { type SpawnOptions, spawn } from 'node:child_process';
import { constants } from 'node:os';

const FORWARDED: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGHUP'];

interface ForegroundOptions extends Pick<SpawnOptions, 'cwd' | 'env' | 'stdio'> {
  /**
   * A program that is not ours speaks through our streams, and so through the mask: what it says on stdout through this one. It may still ask.
   */
  through?: NodeJS.WriteStream;
}

/**
 * Runs a program in our place, with this terminal, and gives its exit code; after a signal as a shell tells it, 128 and its number.
 * A signal to us alone reaches the program as well, and it decides when to end. Ctrl-C a terminal sends to both by itself.
 * (scripts/bootstrap.mjs has its own: it runs before there are packages.)
 */
export async function runForeground(
  program: string,
  args: readonly string[],
  { through, ...options }: ForegroundOptions = {},
): Promise<number> {
  const stdio = through ? (['inherit', 'pipe', 'pipe'] as const) : 'inherit';
  const child = spawn(program, args, { stdio, ...options } as SpawnOptions);
  if (through) {
    child.stdout?.on('data', (chunk: Buffer) => through.write(chunk));
    child.stderr?.on('data', (chunk: Buffer) => process.stderr.write(chunk));
  }
  const forward = (signal: NodeJS.Signals) => void child.kill(signal);
  const onInterrupt = process.stdin.isTTY ? () => {} : forward;
  for (const signal of FORWARDED) process.on(signal, forward);
  process.on('SIGINT', onInterrupt);
  try {
    const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((done, fail) =>
      child.once('error', fail).once('close', (...how) => done(how)),
    );
    return code ?? 128 + constants.signals[signal as NodeJS.Signals];
  } finally {
    for (const name of FORWARDED) process.off(name, forward);
    process.off('SIGINT', onInterrupt);
  }
}
