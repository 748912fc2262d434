import { inspect } from 'node:util';
import { maskStream } from './masked-stream.ts';
import { shownLine, shownLines } from './shown.ts';

type Thrown = (thrown: unknown) => void;

let whenCrashed: Thrown | undefined;
const forgiven: ((thrown: unknown) => boolean)[] = [];
let listens = false;

/**
 * From here on whatever this process says goes through the mask: its streams, and what Node would print by itself past them. An error
 * that nobody caught is given to `crashed` instead, which says so and ends the process.
 */
export function guardProcess(crashed: Thrown): void {
  const guarded = whenCrashed !== undefined;
  // A task that hands over to another has nothing more to say.
  whenCrashed = crashed;
  if (guarded) return;
  maskStream(process.stdout);
  maskStream(process.stderr);
  listen();
  if (process.listenerCount('warning') === 0) return;
  process.removeAllListeners('warning');
  process.on('warning', (warning) => {
    if (warning.name === 'DeprecationWarning' && process.noDeprecation) return;
    process.stderr.write(`! ${shownLine(`${warning.name}: ${warning.message}`)}\n`);
  });
}

/** Errors that nobody catches and that are no matter: a library throws them where no caller waits, and they were told already. */
export function forgiveUncaught(isForgiven: (thrown: unknown) => boolean): void {
  forgiven.push(isForgiven);
  listen();
}

function listen(): void {
  // Rejections that nobody handles come here too.
  if (!listens) process.on('uncaughtException', uncaught);
  listens = true;
}

function uncaught(thrown: unknown): void {
  if (forgiven.some((isForgiven) => isForgiven(thrown))) return;
  if (whenCrashed) {
    whenCrashed(thrown);
    return;
  }
  process.stderr.write(`${shownLines(inspect(thrown)).join('\n')}\n`);
  process.exit(1);
}
