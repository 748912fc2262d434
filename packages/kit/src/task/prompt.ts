import { EXIT, OpsError, usageError } from '../errors.ts';
import { shownLine } from '../output/shown.ts';

/** Can a person be asked? Checked before every question: a prompt on a closed stdin would hang or exit oddly. */
export function isInteractive(): boolean {
  return Boolean(process.stdin.isTTY && process.stderr.isTTY && !process.env.CI);
}

const cancelled = () =>
  new OpsError({ code: 'CANCELLED', message: 'Cancelled; nothing was changed.', exit: EXIT.interrupted });

/** Questions go to stderr, so that stdout stays the task's. The signal ends one that is left open. */
export async function askYesNo(
  message: string,
  signal: AbortSignal | undefined,
  initialValue = false,
): Promise<boolean> {
  const { confirm, isCancel } = await import('@clack/prompts');
  const answer = await confirm({ message: shownLine(message), initialValue, ...asking(signal) });
  if (isCancel(answer)) throw cancelled();
  return answer;
}

/** `initial` stands there already, to be kept or changed. */
export async function askText(message: string, signal: AbortSignal | undefined, initial?: string): Promise<string> {
  const { text, isCancel } = await import('@clack/prompts');
  const answer = await text({
    message: shownLine(message),
    ...(initial === undefined ? {} : { initialValue: shownLine(initial) }),
    ...asking(signal),
  });
  if (isCancel(answer)) throw cancelled();
  return answer ?? '';
}

/** One of several; the first is meant where somebody only says yes. */
export async function askChoice(
  message: string,
  choices: readonly string[],
  signal: AbortSignal | undefined,
): Promise<string> {
  const { select, isCancel } = await import('@clack/prompts');
  const options = choices.map((value) => ({ value, label: shownLine(value) }));
  const answer = await select({ message: shownLine(message), options, ...asking(signal) });
  if (isCancel(answer)) throw cancelled();
  return answer;
}

/** Longer than any secret; a file that was meant for something else is not read to its end. */
const LONGEST_SECRET = 64 * 1024;

/** A value that no screen shows: typed without echo, or all of standard input but the end of its last line. */
export async function askSecret(message: string, signal: AbortSignal | undefined): Promise<string> {
  if (process.stdin.isTTY && !isInteractive())
    throw usageError(
      'NOBODY_TO_ASK',
      `${message} is asked for, and nobody can be asked here.`,
      'Give it on standard input: … < FILE',
    );
  if (!process.stdin.isTTY) return readStandardInput(message);
  const { password, isCancel } = await import('@clack/prompts');
  const answer = await password({ message: shownLine(message), ...asking(signal) });
  if (isCancel(answer)) throw cancelled();
  return answer ?? '';
}

async function readStandardInput(message: string): Promise<string> {
  let text = '';
  for await (const chunk of process.stdin.setEncoding('utf8')) {
    text += chunk as string;
    if (text.length > LONGEST_SECRET)
      throw usageError('INPUT_TOO_LONG', `What came on standard input for ${message} is longer than 64 KiB.`);
  }
  return text.replace(/\r?\n$/, '');
}

function asking(signal: AbortSignal | undefined): { output: NodeJS.WriteStream; signal?: AbortSignal } {
  return { output: process.stderr, ...(signal ? { signal } : {}) };
}
