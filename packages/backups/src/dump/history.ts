import type { Taker } from '../archive/reader.ts';

const [NEWLINE, NULL] = [10, '\\N'];
/** What COPY writes for them (PostgreSQL manual, COPY, "Text Format"). */
const ESCAPES: Record<string, string> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };

/** The newest migration that is applied, by its name, of Prisma's table as it passes in a dump. */
export class HistoryHead {
  newest: string | null = null;

  /** `copy` names the columns of what then comes. */
  open(copy: string): Taker {
    const columns = columnsOf(copy);
    const [name, finished, undone] = ['migration_name', 'finished_at', 'rolled_back_at'].map((one) =>
      columns.indexOf(one),
    );
    let rest: Buffer = Buffer.alloc(0);
    return {
      add: (bytes) => {
        const all = Buffer.concat([rest, bytes]);
        let from = 0;
        for (let at = all.indexOf(NEWLINE); at >= 0; at = all.indexOf(NEWLINE, from)) {
          const values = all.toString('utf8', from, at).split('\t');
          from = at + 1;
          const value = values[name ?? -1];
          if (value === undefined || values[finished ?? -1] === NULL || (values[undone ?? -1] ?? NULL) !== NULL)
            continue;
          const migration = value.replace(/\\(.)/g, (_, letter: string) => ESCAPES[letter] ?? letter);
          if (this.newest === null || migration > this.newest) this.newest = migration;
        }
        rest = Buffer.from(all.subarray(from));
      },
    };
  }
}

/** `COPY public.t (id, "odd ""name""") FROM stdin;` */
function columnsOf(copy: string): string[] {
  const [, list = ''] = /^COPY (?:"(?:[^"]|"")*"|[^"(])*\((.*)\) FROM /s.exec(copy) ?? [];
  return (list.match(/"(?:[^"]|"")*"|[^\s,]+/g) ?? []).map((name) =>
    name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name,
  );
}
