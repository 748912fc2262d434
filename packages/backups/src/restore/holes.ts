import { OpsError, type Secret, withPostgres } from '@drydock/kit';
import type { Client } from 'pg';
import type { SaidError } from './said.ts';

/** What could not be restored: the object, and PostgreSQL's reason. A hole is what the backup has and the copy needs; `accept` names it for --accept. */
export type Skipped = { what: string; why: string; hole: boolean; accept?: string };

/** Of what is known of the archive: what of it may be missing, and what the entry is called that an error is about. */
export interface Known {
  isAccepted(what: string): boolean;
  acceptFor(error: SaidError): string;
}

/** undefined_table, undefined_function, invalid_schema_name, undefined_object: nothing is there to have rights or a comment. */
const NOT_THERE = new Set(['42P01', '42883', '3F000', '42704']);
const NOT_ALLOWED = '42501';

/**
 * Extensions want a superuser, and what is said of them fails with them: no row and no rule is lost by that. Event triggers and publications of
 * all tables, too, which was said before. What a newer
 * pg_restore sets for itself and an older server does not know is not of the backup at all. Everything else is a hole.
 * The server is asked again, since the words that it used depend on its language.
 */
export async function judge(to: Secret, errors: SaidError[], noOwner: boolean, known?: Known): Promise<Skipped[]> {
  if (errors.length === 0) return [];
  return withPostgres(to, 'drydock db:restore', async (client) => {
    const skipped: Skipped[] = [];
    for (const error of errors) {
      const { command = '', what, why } = error;
      if (await isUnknownSetting(client, command)) continue;
      const hole = !known?.isAccepted(what) && (await isHole(client, command, noOwner));
      skipped.push({ what, why, hole, ...(hole && known ? { accept: known.acceptFor(error) } : {}) });
    }
    return skipped;
  });
}

async function isUnknownSetting(client: Client, command: string): Promise<boolean> {
  const set = /^SET ([\w.]+) = [^;]*;?$/.exec(command.split('\n')[0] ?? '')?.[1];
  return set !== undefined && (await client.query('SELECT 1 FROM pg_settings WHERE name = $1', [set])).rowCount === 0;
}

async function isHole(client: Client, command: string, noOwner: boolean): Promise<boolean> {
  if (/^(CREATE|COMMENT ON|ALTER) (EXTENSION|PUBLICATION|EVENT TRIGGER)\b/.test(command)) return false;
  const schema = /^(?:CREATE|ALTER) SCHEMA ("(?:[^"]|"")*"|[^\s;]+)/.exec(command)?.[1];
  if (schema && (await isExtensions(client, schema))) return false;
  if (!/^(GRANT|REVOKE|COMMENT)\b/.test(command)) return true;
  const { code, routine = '' } = await errorOf(client, command);
  // Tables of the backup are compared afterwards: what is not there is not one of them. A role is another matter.
  if (code && NOT_THERE.has(code)) return /role/.test(routine);
  return !(noOwner && command.startsWith('COMMENT') && code === NOT_ALLOWED);
}

/** Made before the rest, with an extension in it, and by whom it could be made. */
async function isExtensions(client: Client, schema: string): Promise<boolean> {
  const { rowCount } = await client.query('SELECT 1 FROM pg_extension WHERE extnamespace = to_regnamespace($1)', [
    schema,
  ]);
  return rowCount !== 0;
}

async function errorOf(client: Client, command: string): Promise<{ code?: string; routine?: string }> {
  await client.query('BEGIN');
  try {
    await client.query(command);
    return {};
  } catch (error) {
    return error as { code?: string; routine?: string };
  } finally {
    await client.query('ROLLBACK');
  }
}

export function refuseHoles(skipped: Skipped[]): void {
  const holes = skipped.filter(({ hole }) => hole);
  const [first] = holes;
  if (!first) return;
  throw new OpsError({
    code: 'RESTORE_INCOMPLETE',
    message: `${holes.length} ${holes.length === 1 ? 'object was' : 'objects were'} not restored: ${holes
      .slice(0, 3)
      .map(({ what, why }) => `${what} (${why})`)
      .join('; ')}${holes.length > 3 ? ' and more' : ''}.`,
    hint: ['Nothing was put in the place of anything.', ...waysOn(holes)].join(' '),
  });
}

function waysOn(holes: Skipped[]): string[] {
  const ofRoles = holes.some(({ what }) => /^(GRANT|REVOKE) | OWNER TO /.test(what));
  const accepted = [...new Set(holes.flatMap(({ accept }) => (accept === undefined ? [] : [`--accept '${accept}'`])))];
  return [
    ...(ofRoles ? ['--no-owner leaves owners and grants out.'] : []),
    ...(accepted.length > 0 ? [`To go on without what is named (a drill still says no): ${accepted.join(' ')}`] : []),
  ];
}
