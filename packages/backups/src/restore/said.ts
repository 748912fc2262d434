import { counted } from '@drydock/kit';

/** An error that pg_restore went on after. */
export interface SaidError {
  /** The whole statement; undefined where it was none that failed, but rows or a large object. */
  command: string | undefined;
  what: string;
  why: string;
}

export interface Said {
  errors: SaidError[];
  /** How many pg_restore says that it ignored; undefined where it did not come to its end. */
  ignored: number | undefined;
}

/** Beginnings of what it says, each written by itself: those of several workers may stand in any order before a text. */
const PREFIXES = /^(?:pg_restore[\w.+-]*: |error: |warning: |detail: |hint: )*/;
const FAILED = /^(?:could not execute query: |COPY failed for table )/;

/**
 * What pg_restore wrote on its standard error. Its own words are English (LC_MESSAGES=C), the server's may be of any
 * language: those are told by their shape, `WORD:  text`. Every "error:" counts, whatever follows.
 */
export function readSaid(said: string): Said {
  const messages = said.split(
    /^(?=pg_restore[\w.+-]*: |(?:error|warning|detail|hint): |could not execute query: |COPY failed for table )/m,
  );
  const errors = messages.flatMap((message): SaidError[] => {
    const [prefixes = ''] = PREFIXES.exec(message) ?? [];
    const text = message.slice(prefixes.length);
    const isError = FAILED.test(text) || (prefixes.includes('error: ') && !/^(from TOC entry|while) /.test(text));
    return isError ? [readError(text)] : [];
  });
  const ignored = /(?:^|: )errors ignored on restore: (\d+)\s*$/m.exec(said)?.[1];
  return { errors, ignored: ignored === undefined ? undefined : Number(ignored) };
}

function readError(text: string): SaidError {
  const command = /^Command was: ([\s\S]+)/m.exec(text)?.[1]?.trim();
  const [first = ''] = text.split('\n');
  const [, subject = first, why] = /^(.*?): \S+: {2}(.+)$/.exec(first) ?? [];
  const rows = /^COPY failed for table (.+)$/.exec(subject)?.[1];
  return {
    command,
    what: command?.split('\n')[0] ?? (rows ? `the rows of ${rows}` : why === undefined ? 'something' : subject),
    why: why ?? first,
  };
}

/**
 * One sentence where the number of errors is not the one that pg_restore counts. Where several work, what a worker does counts once more
 * than it has errors: with its answer, and as an entry that had some. What is made before them (extensions, types, tables) is the parent's own, and
 * counts as it is. Each worker tells the SET that it begins with, which counts for the first of them alone, before and after the others worked.
 */
export function uncounted({ errors, ignored = 0 }: Said, jobs: number): string | undefined {
  const sets = errors.filter(({ what }) => what.startsWith('SET ')).length;
  const kinds = new Set(errors.map(({ what }) => what).filter((what) => what.startsWith('SET '))).size;
  const workers = errors.filter(({ what }) => !what.startsWith('SET ') && !OF_THE_PARENT.test(what)).length;
  const read = jobs > 1 ? errors.length - sets + Math.min(sets, 2 * kinds) : errors.length;
  if (jobs > 1 ? ignored <= read + workers : ignored === read) return undefined;
  return `it counts ${counted(ignored, 'error')}, and ${read} could be read`;
}

const OF_THE_PARENT =
  /^(?:CREATE|COMMENT ON) (?:EXTENSION|SCHEMA|TYPE|DOMAIN|FUNCTION|PROCEDURE|AGGREGATE|TABLE|(?:MATERIALIZED )?VIEW|SEQUENCE)\b/;
