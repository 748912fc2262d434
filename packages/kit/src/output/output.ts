/** Where a task speaks. With `--json` everything but the result goes to stderr, and nothing is drawn. */
export interface Output {
  /** A line for a person. */
  line(text: string): void;
  /** Something to know, marked as such; never a failure. */
  warn(text: string): void;
  /** Rows under a header; columns are aligned. Cells are printed as they are. */
  table(header: string[], rows: string[][]): void;
  /** Begins something that may take over a second: a spinner on a terminal, a plain line elsewhere. */
  progress(title: string): Progress;
  /** A place that is drawn anew again and again. Undefined where nothing can be drawn: no terminal. */
  live(): Live | undefined;
}

export interface Live {
  /** Width of the terminal, now. */
  readonly columns: number;
  /** Colour, where the terminal shows it. */
  paint(style: Style, text: string): string;
  /** Takes the place of what was drawn before; lines that do not fit are cut. */
  draw(lines: readonly string[]): void;
}

export type Style = Parameters<typeof import('node:util').styleText>[0];

export interface Progress {
  /** A detail beside the title: a rate, an ETA, a name. Cheap: call it as often as you like. */
  update(detail: string): void;
  done(text?: string): void;
  fail(text?: string): void;
}
