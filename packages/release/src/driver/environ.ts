import { readFileSync } from 'node:fs';
import { isMissing } from '@drydock/kit';

/**
 * What a process was started with (proc(5), /proc/PID/environ); undefined where that cannot be read, and where it is not yet what the mark is of:
 * a shell that is about to become it.
 */
export function environOf(pid: number, mark: string): Record<string, string> | undefined {
  const text = read(`/proc/${pid}/environ`);
  const entries = text?.split('\0').filter(Boolean);
  if (!entries?.includes(mark)) return undefined;
  return Object.fromEntries(
    entries.map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]),
  );
}

/** Set by the shells that a process was started through. */
const OF_SHELLS = ['PWD', 'OLDPWD', 'SHLVL', '_'];

/** Was it started with these variables and no others? `besides`: those that each instance has for itself. */
export function isStartedWith(
  environ: Readonly<Record<string, string>>,
  env: Readonly<Record<string, string>>,
  besides: readonly string[],
): boolean {
  const aside = new Set([...OF_SHELLS, ...besides]);
  return Object.keys({ ...environ, ...env }).every((name) => aside.has(name) || environ[name] === env[name]);
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    // Ended meanwhile, another's, or a system that shows none.
    if (isMissing(cause) || code === 'EACCES' || code === 'ESRCH' || code === 'EPERM') return undefined;
    throw cause;
  }
}
