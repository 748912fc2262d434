import type { Client } from 'pg';
import type { Note } from './note.ts';
import type { Statement } from './statements.ts';

/** What a session holds and how it is set, beyond the transaction that ended. */
export interface SessionState {
  role: string;
  settings: Record<string, string>;
  /** Advisory locks other than that of Prisma's engine. */
  locks: string[];
  prisma: boolean;
  prepared: string[];
  cursors: string[];
  channels: string[];
  temporary: string[];
  statements: string[];
}

/** The advisory lock that Prisma's own engine holds while it migrates. */
export const PRISMA_LOCK = 72_707_369;

/** Advisory locks of this session, as pairs of the key's halves; objsubid 1 is a single key: manual, 54.12 (pg_locks). */
const LOCKS = `pg_catalog.pg_locks l WHERE l.locktype = 'advisory' AND l.pid = pg_catalog.pg_backend_pid() AND l.granted`;
const IS_PRISMA = `(l.classid = 0 AND l.objid = ${PRISMA_LOCK} AND l.objsubid = 1 AND l.mode = 'ExclusiveLock')`;

export async function readSession(client: Client): Promise<SessionState> {
  const list = (what: string, from: string) => `(SELECT coalesce(json_agg(${what}), '[]') FROM ${from})`;
  const { rows } = await client.query<{
    state: Omit<SessionState, 'locks' | 'prisma'>;
    locks: string[];
    prisma: boolean;
  }>(
    `SELECT held.locks, held.prisma, json_build_object(
       'role', CURRENT_USER,
       'settings', (SELECT json_object_agg(name, setting) FROM pg_catalog.pg_settings WHERE source = 'session'),
       'prepared', CASE WHEN current_setting('max_prepared_transactions') = '0' THEN '[]'
         ELSE ${list('gid', 'pg_catalog.pg_prepared_xacts WHERE database = pg_catalog.current_database()')} END,
       'cursors', ${list('name', 'pg_catalog.pg_cursors WHERE is_holdable')},
       'channels', ${list('c', 'pg_catalog.pg_listening_channels() AS c')},
       'temporary', ${list('relname', `pg_catalog.pg_class WHERE pg_catalog.pg_my_temp_schema() <> 0 AND relnamespace = pg_catalog.pg_my_temp_schema() AND relkind IN ('r', 'v', 'S', 'p')`)},
       'statements', ${list('name', 'pg_catalog.pg_prepared_statements WHERE from_sql')}) AS state
       FROM (SELECT coalesce(json_agg(CASE l.objsubid WHEN 1 THEN ((l.classid::int8 << 32) | l.objid::int8)::text ELSE concat_ws(', ', l.classid, l.objid) END)
                      FILTER (WHERE NOT ${IS_PRISMA}), '[]') AS locks, coalesce(bool_or(${IS_PRISMA}), false) AS prisma FROM ${LOCKS}) AS held`,
  );
  if (!rows[0]) throw new Error('an aggregate has a row');
  const { state, locks, prisma } = rows[0];
  return { ...state, locks, prisma };
}

/** Settings that a file may well make for itself: every file begins with ours again. */
const OWN = new Set([
  'lock_timeout',
  'statement_timeout',
  'client_encoding',
  'client_min_messages',
  'application_name',
]);

/** Told apart by what the next tool meets that does not put its session right, as we do. */
const KINDS: { of: keyof SessionState; level: 'warn' | 'info'; what: string; hint: string }[] = [
  { of: 'locks', level: 'warn', what: 'the advisory lock', hint: 'pg_advisory_xact_lock ends with the transaction.' },
  { of: 'prepared', level: 'warn', what: 'the prepared transaction', hint: 'COMMIT PREPARED in the same file.' },
  { of: 'cursors', level: 'info', what: 'the open cursor', hint: 'CLOSE it.' },
  { of: 'channels', level: 'info', what: 'a LISTEN on', hint: 'UNLISTEN it.' },
  { of: 'temporary', level: 'info', what: 'the temporary', hint: 'ON COMMIT DROP, or DROP it.' },
  { of: 'statements', level: 'info', what: 'the prepared statement', hint: 'DEALLOCATE it.' },
];

/** Of the schema alone: they run no code of anybody's unless they call a function. */
const OF_THE_SCHEMA = new Set([
  'AlterEnumStmt',
  'AlterObjectSchemaStmt',
  'AlterOwnerStmt',
  'AlterTableStmt',
  'CommentStmt',
  'CreateEnumStmt',
  'CreateFunctionStmt',
  'CreateSchemaStmt',
  'CreateStmt',
  'CreateTrigStmt',
  'DropStmt',
  'GrantStmt',
  'IndexStmt',
  'RenameStmt',
]);

/** Whether a script may leave anything in its session: most cannot, and to look costs as much as a small migration does. */
export function mayLeave(statements: Pick<Statement, 'node'>[]): boolean {
  return statements.some(
    ({ node }) => !Object.keys(node).every((kind) => OF_THE_SCHEMA.has(kind)) || callsOrTemporary(node),
  );
}

function callsOrTemporary(part: unknown): boolean {
  if (typeof part !== 'object' || part === null) return false;
  if ('FuncCall' in part || (part as { relpersistence?: string }).relpersistence === 't') return true;
  return Object.values(part).some(callsOrTemporary);
}

/** What a script has left in its session. */
export function leftBehind(before: SessionState, after: SessionState, line: number): Note[] {
  const notes: Note[] = [];
  const left = (level: 'warn' | 'info', what: string, hint: string) =>
    notes.push({ line, raw: { level, code: 'SESSION_LEFT', message: `leaves ${what} behind in its session`, hint } });
  if (before.role !== after.role) left('warn', `the role ${after.role}`, 'RESET ROLE at its end, or SET LOCAL ROLE.');
  const settings = Object.keys({ ...before.settings, ...after.settings })
    .filter((name) => before.settings[name] !== after.settings[name] && !OWN.has(name))
    .map((name) => `${name} = ${after.settings[name] || "''"}`);
  const replica = settings.filter((text) => text.startsWith('session_replication_role'));
  const others = settings.filter((text) => !replica.includes(text));
  if (replica[0])
    left('warn', replica[0], 'Triggers and foreign keys stay off for what follows: SET LOCAL, or RESET it.');
  if (others[0]) left('info', others.join(', '), 'SET LOCAL ends with the transaction.');
  for (const { of, level, what, hint } of KINDS) {
    const more = (after[of] as string[]).filter((name) => !(before[of] as string[]).includes(name));
    if (more[0] !== undefined) left(level, `${what} ${more.slice(0, 5).join(', ')}`, hint);
  }
  if (!after.prisma)
    notes.push({
      line,
      raw: {
        level: 'warn',
        code: 'SESSION_LEFT',
        message:
          "gives back the lock that keeps Prisma's CLI away (pg_advisory_unlock_all, DISCARD ALL); it is taken again behind it",
        hint: 'pg_advisory_unlock of that lock alone which the file took.',
      },
    });
  return notes;
}

/**
 * Makes a session what it was before a script, except for Prisma's lock, which DISCARD ALL would give back as well.
 * Returns whether it still holds that one.
 */
export async function putRight(client: Client, settings: string): Promise<boolean> {
  const results = (await client.query(
    `RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL; CLOSE ALL; UNLISTEN *; DISCARD TEMP; DISCARD SEQUENCES; DEALLOCATE ALL;
     ${settings};
     SELECT l.classid::int8 AS high, l.objid::int8 AS low, l.objsubid AS kind, l.mode = 'ShareLock' AS shared, ${IS_PRISMA} AS prisma FROM ${LOCKS}`,
  )) as unknown as { rows: { high: number; low: number; kind: number; shared: boolean; prisma: boolean }[] }[];
  const locks = results.at(-1)?.rows ?? [];
  for (const { high, low, kind, shared } of locks.filter(({ prisma }) => !prisma)) {
    const key = kind === 1 ? '(($1::int8 << 32) | $2::int8)' : '$1::int8::oid::int4, $2::int8::oid::int4';
    const unlock = `SELECT pg_catalog.pg_advisory_unlock${shared ? '_shared' : ''}(${key}) AS held`;
    // Taken twice, it has to be given back twice; what it answers when none is left is a warning, not an error.
    for (let held = true; held; )
      held = (await client.query<{ held: boolean }>(unlock, [high, low])).rows[0]?.held ?? false;
  }
  return locks.some(({ prisma }) => prisma);
}
