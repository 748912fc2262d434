import { maskStream } from './masked-stream.ts';
import { shownLine } from './shown.ts';

let whenCrashed: ((thrown: unknown) => void) | undefined;

/**
 * From here on whatever this process says goes through the mask: its streams, and what Node would print by itself past them. An error
 * that nobody caught is given to `crashed` instead, which says so and ends the process.
 */
export function guardProcess(crashed: (thrown: unknown) => void): void {
  const guarded = whenCrashed !== undefined;
  // A task that hands over to another has nothing more to say.
  whenCrashed = crashed;
  if (guarded) return;
  maskStream(process.stdout);
  maskStream(process.stderr);
  // Rejections that nobody handles come here too.
  process.on('uncaughtException', (thrown) => whenCrashed?.(thrown));
  if (process.listenerCount('warning') === 0) return;
  process.removeAllListeners('warning');
  process.on('warning', (warning) => {
    if (warning.name === 'DeprecationWarning' && process.noDeprecation) return;
    process.stderr.write(`! ${shownLine(`${warning.name}: ${warning.message}`)}\n`);
  });
}
