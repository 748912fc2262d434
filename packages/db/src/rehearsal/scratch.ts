import {
  type CopySource,
  command,
  connectPostgres,
  connectServer,
  databaseOf,
  dropDatabase,
  type Finding,
  hint,
  mayMakeDatabases,
  noCreatedb,
  OpsError,
  quoteIdentifier as q,
  refusePooler,
  type Secret,
  withDatabase,
} from '@drydock/kit';
import type { Client } from 'pg';
import { ulid } from 'ulid';
import { endSharedSessions } from '../sessions/sharing.ts';
import type { Target } from '../target.ts';
import { type Content, cutOff, type Filler, type Made, makeCopy } from './fill.ts';

export type { Content, Copy, Filler } from './fill.ts';

const PREFIX = 'drydock_scratch_';

export interface Scratch extends Made {
  url: Secret;
}

export interface ScratchOptions {
  content?: Content;
  /** Makes the structure where `copy` was wanted and pg_dump is older than the server. */
  replay?: Filler;
  /** Told what could not be put away, now or of a run before: nothing that was wanted failed by that. */
  onLeft?: (finding: Finding) => void;
}

/**
 * A copy of the target (or an empty database beside it) that is dropped when `use` ends. A session holds a lock named
 * after it, so that the next run can tell a copy in use from one that a kill left behind, and sweeps the latter.
 */
export async function withScratch<T>(
  { url: target, copies: source = {} }: Pick<Target, 'url' | 'copies'>,
  use: (scratch: Scratch) => Promise<T>,
  { content = 'copy', replay, onLeft = () => {} }: ScratchOptions = {},
): Promise<T> {
  const name = `${PREFIX}${ulid().toLowerCase()}`;
  // Not on the target, if it can be helped: a session there would be in the way of copying it whole.
  const owner = await connectServer(target, name);
  const url = withDatabase(target, name);
  try {
    await refuseUnfitServer(owner, target, source);
    await owner.query('SELECT pg_advisory_lock(hashtext($1))', [name]);
    for (const finding of (await sweepScratches(owner, target)).left) onLeft(finding);
    try {
      await endSharedSessions();
      const made = await makeCopy(owner, { target, source, url, content, replay });
      if (made.copy !== 'empty') await cutOff(url);
      return await use({ url, ...made });
    } finally {
      const left = await dropScratch(owner, url);
      if (left) onLeft(left);
    }
  } finally {
    await owner.end();
  }
}

/** Before anything is made: a role that may make no database, a server that takes no writes, a pooler that keeps our lock for itself. */
async function refuseUnfitServer(owner: Client, target: Secret, source: CopySource): Promise<void> {
  const { rows } = await owner.query<{ standby: boolean; writable: boolean }>(
    `SELECT pg_is_in_recovery() AS standby, current_setting('transaction_read_only') = 'off' AS writable`,
  );
  if (!rows[0]?.writable)
    throw new OpsError({
      code: 'DATABASE_READ_ONLY',
      message: `No copy can be made beside the database: it ${rows[0]?.standby ? 'is a standby' : 'has default_transaction_read_only on'}, and takes no writes.`,
      hint: hint`Point ${target.label} to the primary: ${command('env:check')}`,
    });
  if (!(await mayMakeDatabases(owner, source))) throw await noCreatedb(owner);
  // To where this session is: a pooler has a pool for each database.
  const again = withDatabase(target, owner.database ?? databaseOf(target));
  await refusePooler(owner, target.label, () => connectPostgres(again, 'drydock look'));
}

/** Drops copies whose maker is gone. Returns their names, and what is in the way of the others. */
export async function sweepScratches(client: Client, target: Secret): Promise<{ swept: string[]; left: Finding[] }> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT datname AS name FROM pg_database WHERE datname LIKE $1 AND pg_catalog.pg_get_userbyid(datdba) = current_user
      UNION SELECT rolname FROM pg_roles WHERE rolname LIKE $1 AND pg_has_role(oid, 'MEMBER')`,
    [`${PREFIX.replaceAll('_', '\\_')}%`],
  );
  const [swept, left]: [string[], Finding[]] = [[], []];
  for (const { name } of rows) {
    const { rows: got } = await client.query<{ free: boolean }>('SELECT pg_try_advisory_lock(hashtext($1)) AS free', [
      name,
    ]);
    if (!got[0]?.free) continue;
    try {
      // Our own copy does not exist yet, and locks of this session are granted again: only others' are free here.
      const finding = await dropScratch(client, withDatabase(target, name));
      if (finding) left.push(finding);
      else swept.push(name);
    } finally {
      await client.query('SELECT pg_advisory_unlock(hashtext($1))', [name]);
    }
  }
  return { swept, left };
}

/** With the role of the same name, if one was made. What keeps it from being dropped is told, with the way to be rid of it. */
async function dropScratch(owner: Client, url: Secret): Promise<Finding | undefined> {
  const name = databaseOf(url);
  const drop = async () => {
    await dropDatabase(owner, name);
    const { rowCount } = await owner.query('SELECT 1 FROM pg_roles WHERE rolname = $1', [name]);
    if (rowCount !== 0) await owner.query(`DROP ROLE ${q(name)}`);
  };
  try {
    await drop();
    return undefined;
  } catch {
    // A subscription in it is the usual reason.
  }
  try {
    await cutOff(url);
    await drop();
    return undefined;
  } catch (error) {
    return {
      level: 'warn',
      code: 'SCRATCH_LEFT',
      message: `A scratch database is left on the server and cannot be dropped: ${(error as Error).message}.`,
      hint: `Free it of what the message names (a subscription there: ALTER SUBSCRIPTION … SET (slot_name = NONE) first, so that no live slot goes), then: DROP DATABASE ${q(name)}`,
    };
  }
}
