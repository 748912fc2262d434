import { exec, OpsError } from '@drydock/kit';
import type { Rotating } from './rotating.ts';

/** Runs with the environment as it is then; bounded. Its last words say why it failed. */
export async function tryCommand(
  { config, environment, signal, onLine, name }: Rotating,
  { command: [program = '', ...args], timeoutMs }: { command: readonly string[]; timeoutMs: number },
): Promise<void> {
  const bound = AbortSignal.timeout(timeoutMs);
  try {
    await exec(program, args, {
      cwd: config.root,
      env: environment.forChild('operator'),
      signal: AbortSignal.any([signal, bound]),
      onLine,
    });
  } catch (cause) {
    if (signal.aborted) throw cause;
    const why = bound.aborted ? `did not end within ${timeoutMs} ms` : (cause as Error).message;
    throw new OpsError({
      code: 'NOT_VALID',
      message: `The new ${name} was tried, and failed: ${why}`,
      hint: `By hand: ${[program, ...args].join(' ')}`,
      cause,
    });
  }
}
