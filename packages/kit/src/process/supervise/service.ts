import { closeSync, constants, existsSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { isMissing } from '../../errors.ts';

export interface ServiceState {
  /** Somebody starts it again when it ends. */
  supervised: boolean;
  running: boolean;
  /** Stays down until it is asked up, also after a reboot. */
  keptDown: boolean;
  pid: number | undefined;
  /** How often it was started again since it was placed. */
  restarts: number;
  /** `with exit code 1`, `by signal 9`; undefined where it has not ended yet. */
  ended: string | undefined;
}

/** What runsv keeps of a service: daemontools' 18 bytes, and the state (0 down, 1 run, 2 finish). */
export function stateOf(folder: string): ServiceState {
  const supervised = hears(folder);
  const status = supervised ? readIfAny(join(folder, 'supervise/status')) : undefined;
  const whole = status && status.length >= 20 ? status : undefined;
  const running = whole?.[19] === 1;
  const [code, signal] = wordsOf(folder, 'ended');
  return {
    supervised,
    running,
    keptDown: existsSync(join(folder, 'down')),
    pid: running ? whole?.readUInt32LE(12) : undefined,
    restarts: Number(wordsOf(folder, 'restarts')[0] ?? 0),
    ended: code === undefined ? undefined : code === '-1' ? `by signal ${signal}` : `with exit code ${code}`,
  };
}

/** Down, with nothing of it at work. */
export function isDown(folder: string): boolean {
  const status = readIfAny(join(folder, 'supervise/status'));
  return status === undefined || status[19] === 0;
}

/** One letter to runsv (runsv(8), CONTROL). False where nobody is there to hear it. */
export function tell(folder: string, letter: 'u' | 'd' | 'k' | 'x'): boolean {
  return withFifo(join(folder, 'supervise/control'), (fd) => writeSync(fd, letter));
}

export function hears(folder: string): boolean {
  return withFifo(join(folder, 'supervise/ok'), () => {});
}

function withFifo(file: string, use: (fd: number) => void): boolean {
  let fd: number;
  try {
    // Without a reader that fails at once (fifo(7)).
    fd = openSync(file, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch (cause) {
    if (isMissing(cause) || (cause as NodeJS.ErrnoException).code === 'ENXIO') return false;
    throw cause;
  }
  try {
    use(fd);
    return true;
  } finally {
    closeSync(fd);
  }
}

function wordsOf(folder: string, name: string): string[] {
  return (readIfAny(join(folder, name))?.toString().trim() || undefined)?.split(' ') ?? [];
}

function readIfAny(file: string): Buffer | undefined {
  try {
    return readFileSync(file);
  } catch (cause) {
    if (isMissing(cause)) return undefined;
    throw cause;
  }
}
