/** A table of a document that people keep: what is written there stays, whatever database is asked. */
export interface RecordTable {
  /** The first line of a document that is not there yet. */
  title: string;
  /** The line above the table: `## Drills`. */
  heading: string;
  columns: string[];
}

/** One that is in the document already is known by its run. */
export interface RecordRow {
  run: string;
  cells: string[];
}

/** The document with the rows that it does not have yet, below those that it has; undefined where there is nothing to add. */
export function withRows(text: string | undefined, table: RecordTable, rows: RecordRow[]): string | undefined {
  const marked = rows.map(({ run, cells }) => ({ mark: `<!-- ${run} -->`, cells }));
  const fresh = marked.filter(({ mark }) => !text?.includes(mark));
  if (fresh.length === 0) return undefined;
  const lines = (text ?? `${table.title}\n`).trimEnd().split('\n');
  const added = fresh.map(({ mark, cells }) => `| ${cells.join(' | ')} ${mark} |`);
  const heading = lines.findIndex((line) => line.trim() === table.heading);
  const at = heading < 0 ? undefined : endOfTable(lines, heading);
  if (at !== undefined) lines.splice(at, 0, ...added);
  else {
    const header = [`| ${table.columns.join(' | ')} |`, `|${' --- |'.repeat(table.columns.length)}`];
    const above = heading < 0 ? ['', table.heading, ''] : [''];
    lines.splice(heading < 0 ? lines.length : endOfSection(lines, heading), 0, ...above, ...header, ...added);
  }
  return `${lines.join('\n')}\n`;
}

/** Behind the last row of the first table below the heading. */
function endOfTable(lines: string[], heading: number): number | undefined {
  const end = endOfSection(lines, heading);
  const first = lines.findIndex((line, i) => i > heading && i < end && line.startsWith('|'));
  if (first < 0) return undefined;
  const behind = lines.findIndex((line, i) => i > first && !line.startsWith('|'));
  return behind < 0 ? lines.length : behind;
}

/** Behind the last line of it that says something. */
function endOfSection(lines: string[], heading: number): number {
  const level = /^#+/.exec(lines[heading] ?? '')?.[0].length ?? 1;
  const next = lines.findIndex((line, i) => i > heading && new RegExp(`^#{1,${level}} `).test(line));
  let end = next < 0 ? lines.length : next;
  while (end > heading + 1 && lines[end - 1]?.trim() === '') end -= 1;
  return end;
}
