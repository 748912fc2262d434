import { redact, redactData } from '../redact.ts';
import { noCommand, visible, visibleInJson } from './visible.ts';

// How text that came from outside (a name, an answer, an error, a reason, a commit's subject) may be shown. One function per kind of place, for
// Markdown and HTML in files of their own; each masks secrets first, for what is escaped afterwards is not recognised any more.

/** One line of a terminal or a log: nothing in it moves a cursor, begins another line, hides, or gives a CI a command. */
export function shownLine(text: string): string {
  return noCommand(visible(redact(text)));
}

/** Several lines, each of them harmless; only where the next lines cannot be taken for ours. */
export function shownLines(text: string): string[] {
  return redact(text)
    .split(/\r\n|[\n\r\u2028\u2029]/)
    .map((line) => noCommand(visible(line.replaceAll('\t', '    '))));
}

/** A name or an id inside of a sentence, quoted where it would not be seen where it ends. */
export function shownName(text: string): string {
  const line = shownLine(text);
  if (/^[\w.:@-]+$/.test(line)) return line;
  return line === text ? JSON.stringify(line) : `"${line.replaceAll('"', '\\"')}"`;
}

/** JSON that says the same when it is read, with nothing in it that a terminal or a CI would obey; keys and numbers stay. */
export function shownJson(data: unknown, space?: number): string {
  return visibleInJson(JSON.stringify(redactData(data), null, space));
}
