import { styleText } from 'node:util';
import { shownLine } from './shown.ts';
import { noCommand } from './visible.ts';

export type Style = Parameters<typeof styleText>[0];

/** Text that is shown in a style. The only way to one: escapes inside of a text are shown as what they are. */
export interface Painted {
  readonly style: Style;
  readonly text: string;
}
/** A line, whole or in parts. */
export type Text = string | Painted | readonly (string | Painted)[];

export function painted(style: Style, text: string): Painted {
  return { style, text };
}

/** As a person reads it; colours where the stream shows them: `NO_COLOR`, `FORCE_COLOR` and pipes are styleText's own business. */
export function render(text: Text, stream: NodeJS.WriteStream): string {
  const line = partsOf(text)
    .map((part) =>
      typeof part === 'string' ? shownLine(part) : styleText(part.style, shownLine(part.text), { stream }),
    )
    .join('');
  // Parts may make a command together.
  return noCommand(line);
}

/** Without styles. */
export function plain(text: Text): string {
  const parts = partsOf(text).map((part) => (typeof part === 'string' ? part : part.text));
  return shownLine(parts.join(''));
}

/** Cut to so many columns, with a mark where something is missing. */
export function clip(text: Text, columns: number): Text {
  const line = plain(text);
  if (width(line) <= columns) return text;
  return `${[...line].slice(0, Math.max(columns - 1, 0)).join('')}…`;
}

/** Columns of a text without escapes. */
export function width(text: string): number {
  return [...text].length;
}

export function partsOf(text: Text): readonly (string | Painted)[] {
  if (typeof text === 'string' || 'style' in text) return [text];
  return text;
}
