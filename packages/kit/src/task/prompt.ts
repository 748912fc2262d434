import { EXIT, OpsError } from '../errors.ts';
import { shownLine } from '../output/shown.ts';

/** Can a person be asked? Checked before every question: a prompt on a closed stdin would hang or exit oddly. */
export function isInteractive(): boolean {
  return Boolean(process.stdin.isTTY && process.stderr.isTTY && !process.env.CI);
}

const cancelled = () =>
  new OpsError({ code: 'CANCELLED', message: 'Cancelled; nothing was changed.', exit: EXIT.interrupted });

/** Questions go to stderr, so that stdout stays the task's. The signal ends one that is left open. */
export async function askYesNo(message: string, signal: AbortSignal | undefined): Promise<boolean> {
  const { confirm, isCancel } = await import('@clack/prompts');
  const answer = await confirm({ message: shownLine(message), initialValue: false, ...asking(signal) });
  if (isCancel(answer)) throw cancelled();
  return answer;
}

export async function askText(message: string, signal: AbortSignal | undefined): Promise<string> {
  const { text, isCancel } = await import('@clack/prompts');
  const answer = await text({ message: shownLine(message), ...asking(signal) });
  if (isCancel(answer)) throw cancelled();
  return answer ?? '';
}

function asking(signal: AbortSignal | undefined): { output: NodeJS.WriteStream; signal?: AbortSignal } {
  return { output: process.stderr, ...(signal ? { signal } : {}) };
}
