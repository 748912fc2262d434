import { type SpawnOptions, spawn } from 'node:child_process';
import { constants } from 'node:os';

const FORWARDED: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGHUP'];

/**
 * Runs a program in our place, with this terminal, and gives its exit code; after a signal as a shell tells it, 128 and its number.
 * A signal to us alone reaches the program as well, and it decides when to end. Ctrl-C a terminal sends to both by itself.
 * (scripts/bootstrap.mjs has its own: it runs before there are packages.)
 */
export async function runForeground(
  program: string,
  args: readonly string[],
  options: Pick<SpawnOptions, 'cwd' | 'env' | 'stdio'> = {},
): Promise<number> {
  const child = spawn(program, args, { stdio: 'inherit', ...options });
  const forward = (signal: NodeJS.Signals) => void child.kill(signal);
  const onInterrupt = process.stdin.isTTY ? () => {} : forward;
  for (const signal of FORWARDED) process.on(signal, forward);
  process.on('SIGINT', onInterrupt);
  try {
    const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((done, fail) =>
      child.once('error', fail).once('exit', (...how) => done(how)),
    );
    return code ?? 128 + constants.signals[signal as NodeJS.Signals];
  } finally {
    for (const name of FORWARDED) process.off(name, forward);
    process.off('SIGINT', onInterrupt);
  }
}
