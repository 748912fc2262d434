import { join } from 'node:path';
import type { Client } from 'pg';
import { z } from 'zod';
import { writeDurably } from '../durable.ts';
import { readStateFile } from '../state/file.ts';
import { makeStateFolder, statePath } from '../state/folder.ts';
import { note } from '../state/notices.ts';
import { ownName, type Whose } from '../state/owner.ts';

/** The end of a chain as this checkout saw it last: what is said outside of the database about what has to be in it. */
const anchorSchema = z.object({
  /** Which database it was; one that was restored or made anew is another. */
  database: z.string(),
  seq: z.int().min(1),
  hash: z.string(),
  /** ISO 8601. */
  at: z.string(),
});
export type Anchor = z.output<typeof anchorSchema>;

export interface Anchored {
  /** Undefined: nothing outside of the database says how many events there were. */
  anchor: Anchor | undefined;
  /** It was seen in a database that is no longer this one. */
  elsewhere: boolean;
  /** What no longer is as it was seen, as a sentence. */
  lost: string | undefined;
}

/** `.drydock/audit/<env>.json` */
export const anchorFile = (config: Whose, env: string) =>
  join(statePath(config.root, 'audit'), `${ownName(config, env)}.json`);

/** Of before, every config kept it under the environment's name alone: whose it is, its database says. */
function readAnchor(config: Whose, env: string, database: string): Anchor | undefined {
  const file = anchorFile(config, env);
  const before = join(statePath(config.root, 'audit'), `${env}.json`);
  const own = readStateFile(file, anchorSchema);
  if (own || file === before) return own;
  const found = readStateFile(before, anchorSchema);
  return found?.database === database ? found : undefined;
}

/** Compares what is in the database with what was seen there. */
export async function compareAnchor(client: Client, config: Whose, env: string): Promise<Anchored> {
  const database = await identityOf(client);
  const anchor = readAnchor(config, env, database);
  if (!anchor) return { anchor, elsewhere: false, lost: undefined };
  if (anchor.database !== database) return { anchor, elsewhere: true, lost: undefined };
  const found = await hashAt(client, anchor.seq);
  if (found === anchor.hash) return { anchor, elsewhere: false, lost: undefined };
  const what = found === undefined ? 'is gone' : 'is another now';
  return {
    anchor,
    elsewhere: false,
    lost: `Event ${anchor.seq} of ${env}, which this checkout saw at ${anchor.at}, ${what}: the audit log was rewritten or emptied.`,
  };
}

/** Remembers the end of the chain; what was seen before and is gone stays remembered, and is returned as a sentence. */
export async function keepAnchor(
  client: Client,
  config: Whose,
  env: string,
  head: { seq: number; hash: string } | undefined,
): Promise<string | undefined> {
  const { lost } = await compareAnchor(client, config, env);
  if (lost || !head) return lost;
  const anchor: Anchor = { database: await identityOf(client), ...head, at: new Date().toISOString() };
  try {
    makeStateFolder(config.root, 'audit');
    writeDurably(anchorFile(config, env), JSON.stringify(anchor));
  } catch (error) {
    // The log itself is written; what was seen of it before stays remembered.
    note(`The end of the audit log of ${env} could not be remembered (${(error as NodeJS.ErrnoException).code}).`);
  }
  return undefined;
}

/** A cluster and a database in it: DROP SCHEMA keeps it, a database that takes the place of another has its own. */
async function identityOf(client: Client): Promise<string> {
  const { rows } = await client.query<{ database: string }>(
    'SELECT oid::text AS database FROM pg_database WHERE datname = current_database()',
  );
  return `${await clusterOf(client)}/${rows[0]?.database}`;
}

async function clusterOf(client: Client): Promise<string> {
  try {
    const { rows } = await client.query<{ id: string }>(
      'SELECT system_identifier::text AS id FROM pg_control_system()',
    );
    return rows[0]?.id ?? '';
  } catch (error) {
    // Some hosts keep it from everybody; then the database's own number has to do.
    if ((error as { code?: string }).code === '42501') return '';
    throw error;
  }
}

async function hashAt(client: Client, seq: number): Promise<string | undefined> {
  const { rows: tables } = await client.query<{ found: string | null }>(
    `SELECT to_regclass('drydock."AuditEvent"')::text AS found`,
  );
  if (!tables[0]?.found) return undefined;
  const { rows } = await client.query<{ hash: string }>('SELECT hash FROM drydock."AuditEvent" WHERE seq = $1', [seq]);
  return rows[0]?.hash;
}
