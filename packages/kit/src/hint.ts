/**
 * A task to type next, as data: where it is shown, the rest of the line is known (how the toolkit was called, the environment
 * that is worked on, `--config`). It may be kept in a journal.
 */
export type Command = { task: string; flags: { [flag: string]: FlagValue }; words?: string[] };
type FlagValue = string | number | boolean | string[];

/** What is worth saying only where the product is run by the sandbox. */
type InSandbox = { inSandbox: (string | Command)[] };

/** A sentence with commands in it. */
type Advice = (string | Command | InSandbox)[];

/** What to do next: plain words, a command, or a sentence with commands in it. */
export type Hint = string | Command | Advice;

/** The end of a sentence about a service that cannot be reached. */
export const IN_SANDBOX: Hint = [{ inSandbox: [' In the sandbox: ', command('sandbox:up')] }];

/**
 * Flags are named as in the task's definition (`inPlace`); undefined and false leave one out; `…` stands for what only the reader
 * knows. `env` only where it is another one than the run's. `words` stand before the flags.
 */
export function command(task: string, flags: Record<string, FlagValue | undefined> = {}, ...words: string[]): Command {
  return {
    task,
    ...(words.length > 0 ? { words } : {}),
    flags: Object.fromEntries(
      Object.entries(flags).filter(
        (entry): entry is [string, FlagValue] => entry[1] !== undefined && entry[1] !== false,
      ),
    ),
  };
}

/** A sentence with commands in it: hint`Look at both sides: ${command('escrow:inspect', { job })}`. */
export function hint(words: TemplateStringsArray, ...values: (Hint | number)[]): Hint {
  return words.flatMap((text, i) => {
    const value = values[i];
    return [text, ...(value === undefined ? [] : partsOf(typeof value === 'number' ? String(value) : value))];
  });
}

/** Every part in turn: words as they are, commands through `write`. */
export function wordsOf(of: Hint, write: (command: Command) => string, { sandbox = false } = {}): string {
  return partsOf(of)
    .flatMap((part) => (isAside(part) ? (sandbox ? part.inSandbox : []) : part))
    .map((part) => (typeof part === 'string' ? part : write(part)))
    .join('');
}

/** For a run that works on several environments: the hint's commands are about this one, where they do not say another. */
export function hintOn(env: string, of: Hint): Hint {
  return partsOf(of).map((part) =>
    typeof part === 'string' || isAside(part)
      ? part
      : command(part.task, { env, ...part.flags }, ...(part.words ?? [])),
  );
}

function partsOf(of: Hint): Advice {
  return Array.isArray(of) ? of : [of];
}

function isAside(part: Advice[number]): part is InSandbox {
  return typeof part === 'object' && 'inSandbox' in part;
}
