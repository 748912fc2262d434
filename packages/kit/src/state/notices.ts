import { type Hint, wordsOf } from '../hint.ts';

const noted = new Map<string, Hint>();

/** What the operator must hear of, found where nobody can be told: a state file that is not believed. Said once, at the end of the task. */
export function note(what: Hint): void {
  noted.set(JSON.stringify(what), what);
}

/** `write` gives a command as the operator types it. */
export function takeNotices(write: (what: Hint) => string = (what) => wordsOf(what, ({ task }) => task)): string[] {
  const texts = [...noted.values()].map(write);
  noted.clear();
  return texts;
}
