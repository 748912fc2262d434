import { closest, type Finding, OpsError, shortList, usageError } from '@drydock/kit';
import { nameOf, withParts } from '../archive/parts.ts';
import type { TocObject } from '../archive/toc.ts';
import type { Manifest } from '../manifest.ts';
import type { Skipped } from './holes.ts';

/** What somebody named that may be missing: entries of the archive that are not restored, and statements that may fail. */
export interface Accepted {
  objects: TocObject[];
  /** As pg_restore sends them, without the semicolon. */
  statements: string[];
}

/** Of no object: how the archive is read. */
const NO_OBJECT = /^(ENCODING|STDSTRINGS|SEARCHPATH)$/;
const STATEMENT = /^(ALTER|COMMENT|CREATE|GRANT|REFRESH|REVOKE|SELECT|SET) /;

/** By kind and name (`EVENT TRIGGER watches`), by name, or by the statement that failed. What hangs on it has to be named as well. */
export function readAccepted(texts: string[], objects: TocObject[]): Accepted {
  const accepted: Accepted = { objects: [], statements: [] };
  const named: TocObject[] = [];
  for (const text of texts) {
    const found = objects.filter((object) => !NO_OBJECT.test(object.kind) && isCalled(object, text.trim()));
    if (found.length > 0) named.push(...found);
    else if (STATEMENT.test(text.trim())) accepted.statements.push(withoutEnd(text));
    else throw unknown(text, objects);
  }
  const { parts, hanging } = withParts(named, objects);
  const [first] = hanging;
  if (first)
    throw new OpsError({
      code: 'ACCEPT_NEEDED',
      message: `${shortList(named.map(callOf))} cannot be left out alone: ${shortList(hanging.map(callOf), 10)} of the backup hang on it.`,
      hint: `Accept that these are missing as well: ${hanging.map((one) => `--accept '${callOf(one)}'`).join(' ')}`,
    });
  return { ...accepted, objects: parts };
}

function unknown(text: string, objects: TocObject[]): OpsError {
  const near = closest(
    text,
    objects.flatMap((object) => [callOf(object), nameOf(object), object.name]),
  );
  return usageError(
    'ACCEPT_UNKNOWN',
    `The backup has no ${text} that could be left out.`,
    near === undefined ? 'RESTORE_INCOMPLETE and the plan name what is meant.' : `Did you mean --accept '${near}'?`,
  );
}

/** As it is named for people, and taken from them: `MATERIALIZED VIEW public.totals`. */
export function callOf(object: Pick<TocObject, 'kind' | 'schema' | 'name'>): string {
  return `${object.kind} ${nameOf(object)}`;
}

function isCalled(object: TocObject, text: string): boolean {
  const bare = text.replaceAll('"', '');
  return [callOf(object), `${object.kind} ${object.name}`, nameOf(object), object.name].some(
    (name) => name === text || name.replaceAll('"', '') === bare,
  );
}

function withoutEnd(text: string): string {
  return text.trim().replace(/;$/, '');
}

/** What was left out because somebody said so. */
export function asSkipped({ objects }: Accepted): Skipped[] {
  return objects.map((object) => ({ what: callOf(object), why: 'left out by --accept', hole: false }));
}

export function isAccepted(what: string, { statements }: Accepted): boolean {
  return statements.includes(withoutEnd(what));
}

/** How to leave out what failed: by the entry of the archive that it is, or by its statement. */
export function acceptFor(
  { what, command }: { what: string; command?: string | undefined },
  objects: TocObject[],
): string {
  const rows = /^the rows of "?(.+?)"?$/.exec(what)?.[1];
  const found = rows
    ? objects.filter(({ kind, name }) => kind === 'TABLE DATA' && name === rows)
    : objects.filter(({ sql }) => command !== undefined && sql.trim() === command.trim());
  return found[0] && found.length === 1 ? callOf(found[0]) : withoutEnd(what);
}

const OF_ROWS = /^TABLE DATA$/;

/** The manifest without what is known to be missing: of that nothing is to be compared. */
export function manifestWithout(manifest: Manifest, out: Pick<TocObject, 'kind' | 'schema' | 'name'>[]): Manifest {
  const [rows, sequences] = [namesOf(out, OF_ROWS), namesOf(out, /^SEQUENCE/)];
  return {
    ...manifest,
    tables: manifest.tables?.filter(({ name }) => !rows.has(bare(name))) ?? null,
    ...(manifest.sequences ? { sequences: manifest.sequences.filter(({ name }) => !sequences.has(bare(name))) } : {}),
    largeObjects: out.some(({ kind }) => /^BLOB/.test(kind)) ? null : manifest.largeObjects,
    migrationHead: [...rows].some((name) => name.endsWith('._prisma_migrations')) ? null : manifest.migrationHead,
  };
}

/** The numbers of objects cannot be those of the backup; that is said once, as what was not looked at. */
export function findingsWithout(findings: Finding[], out: unknown[]): Finding[] {
  if (out.length === 0) return findings;
  const kept = findings.filter(({ code }) => code !== 'OBJECTS_DIFFER' && code !== 'TABLE_UNKNOWN');
  if (kept.length === findings.length) return findings;
  return [
    ...kept,
    {
      level: 'warn',
      code: 'OBJECTS_NOT_COMPARED',
      message: 'What objects there are was not compared with the backup, since some were left out by --accept.',
    },
  ];
}

function namesOf(out: Pick<TocObject, 'kind' | 'schema' | 'name'>[], kind: RegExp): Set<string> {
  return new Set(out.filter((one) => kind.test(one.kind)).map((one) => nameOf(one)));
}

/** `quote_ident` of a manifest's names. */
function bare(name: string): string {
  return name.replaceAll(/"((?:[^"]|"")*)"/g, (_, inner: string) => inner.replaceAll('""', '"'));
}
