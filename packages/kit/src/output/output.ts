import type { Text } from './text.ts';

/**
 * Where a task speaks. With `--json` everything but the result goes to stderr, and nothing is drawn. Whatever a text holds is shown, and
 * obeyed by nobody: a newline begins no line, an escape moves no cursor, a CI takes no command from it.
 */
export interface Output {
  /** A line for a person. */
  line(text: Text): void;
  /** A text of several lines. Only what the toolkit itself has written: a line of it is taken for the toolkit's. */
  lines(text: string): void;
  /** Something to know, marked as such; never a failure. */
  warn(text: Text): void;
  /** Rows under a header; columns are aligned. */
  table(header: string[], rows: string[][]): void;
  /** Begins something that may take over a second: a spinner on a terminal, a plain line elsewhere. */
  progress(title: string): Progress;
  /** A place that is drawn anew again and again. Undefined where nothing can be drawn: no terminal. */
  live(): Live | undefined;
}

export interface Live {
  /** Width of the terminal, now. */
  readonly columns: number;
  /** Takes the place of what was drawn before; lines that do not fit are cut. */
  draw(lines: readonly Text[]): void;
}

export interface Progress {
  /** A detail beside the title: a rate, an ETA, a name. Cheap: call it as often as you like. */
  update(detail: string): void;
  done(text?: string): void;
  fail(text?: string): void;
}
