import { EXIT, type OpsError } from '../errors.ts';
import { writeShown } from '../output/masked-stream.ts';
import type { Output } from '../output/output.ts';
import { shownJson } from '../output/shown.ts';
import { takeNotices } from '../state/notices.ts';
import { type Ending, printEnding, toJson } from './present.ts';
import { typed } from './typed.ts';
import type { AnyTask } from './types.ts';

/** What a run came to: the object of `--json`, a document, and the same for a person. */
export function tell(
  task: AnyTask,
  ending: Ending,
  { out, wantsJson, stdout }: { out: Output; wantsJson: boolean; stdout: NodeJS.WriteStream },
): void {
  for (const text of takeNotices((what) => typed(what, ending.typing))) out.warn(text);
  const streams = task.kind === 'read' && task.streams === true;
  // A stream ends when somebody has seen enough; that is no failure of it.
  const seenEnough = streams && ending.error?.exit === EXIT.done;
  if (wantsJson && streams) {
    if (ending.error && !seenEnough) writeShown(stdout, `${shownJson(toJson(ending))}\n`);
  } else if (wantsJson) writeShown(stdout, `${shownJson(toJson(ending), 2)}\n`);
  else {
    const document = ending.outcome?.document ?? ending.error?.document;
    if (document) stdout.write(`${document}\n`);
  }
  if (ending.error?.exit !== EXIT.done) printEnding(out, ending);
}

/** Stopped by whom it runs for: that is no interruption. */
export function isStopped(task: AnyTask, { exit }: OpsError): boolean {
  return task.kind === 'read' && task.untilStopped === true && exit === EXIT.interrupted;
}
