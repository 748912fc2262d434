import {
  beyondRole,
  type CopySource,
  type Finding,
  mayMakeDatabases,
  noCreatedb,
  type OpsError,
  oldPgDump,
  readExtensions,
} from '@drydock/kit';
import { OURS } from '@drydock/kit/inventory';
import type { Client } from 'pg';
import { looking } from '../sessions/looking.ts';
import type { Target } from '../target.ts';

/** What a copy will not show of the target where it is made object by object, in words. */
export interface Unshown {
  /** Owners, subscriptions, publications, triggers on events, passwords. */
  left: string[];
  extensions: string[];
  /** Why pg_dump will not make it. */
  old: OpsError | undefined;
}

/** Asked before anything is begun. A role that may make no copy at all is refused here (NO_CREATEDB, exit 2). */
export async function foreseeCopy({ url, copies = {} }: Pick<Target, 'url' | 'copies'>): Promise<Unshown> {
  return looking(url, 'drydock rehearsal', async (client) => {
    if (!(await mayMakeDatabases(client, copies))) throw await noCreatedb(client);
    const { rows } = await client.query<{ left: string }>(LEFT);
    return {
      left: rows.map(({ left }) => left),
      extensions: await extensionsOf(client, copies),
      old: await oldPgDump(client),
    };
  });
}

async function extensionsOf(client: Client, { template, maker }: CopySource): Promise<string[]> {
  const names = (await readExtensions(client)).map(({ name }) => name);
  const from = template ? `from ${template}` : maker ? 'made by the role of database.scratch.url' : undefined;
  return (await beyondRole(client, names)).map((name) => `extension ${name} (${from ?? 'the role may not make it'})`);
}

/** PostgreSQL lets a superuser alone make publications of all tables, and triggers on events. */
const LEFT = `
  WITH me AS (SELECT rolsuper AS super FROM pg_roles WHERE rolname = current_user),
  owned AS (
    SELECT relowner AS owner, relnamespace AS space FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
    UNION ALL SELECT proowner, pronamespace FROM pg_proc UNION ALL SELECT nspowner, oid FROM pg_namespace WHERE nspname <> 'public')
  SELECT format('owner %s of %s (it will be %s)', pg_get_userbyid(o.owner), CASE count(*) WHEN 1 THEN '1 object' ELSE count(*) || ' objects' END, current_user) AS left
    FROM owned o JOIN pg_namespace n ON n.oid = o.space
   WHERE ${OURS}
     AND NOT pg_has_role(o.owner, CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END)
   GROUP BY o.owner
  UNION ALL SELECT 'subscription ' || subname FROM pg_subscription WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())
  UNION ALL SELECT 'publication ' || pubname FROM pg_publication, me WHERE puballtables AND NOT super
  UNION ALL SELECT 'event trigger ' || evtname FROM pg_event_trigger, me WHERE NOT super
  UNION ALL SELECT 'password of ' || usename || ' for server ' || srvname FROM pg_user_mappings`;

/** From where a deploy takes what it rehearses on, as its flags say. */
export type Wanted = 'copy' | 'schema' | 'sample' | 'full' | 'backup';

/** Lines of a plan. A copy that is wanted from pg_dump, and in no other way, is refused where that is too old. */
export function describeCopy({ left, extensions, old }: Unshown, wanted: Wanted): string[] {
  if (old && wanted !== 'copy' && wanted !== 'backup') throw old;
  const unshown = [...(wanted === 'backup' ? ['owners and rights'] : left), ...extensions];
  const again = `rehearse on what the migrations make again, without rows: ${old?.message} PG_DUMP_PATH and PG_RESTORE_PATH name newer ones.`;
  return [
    ...(old && wanted === 'copy' ? [again] : []),
    ...(unshown.length > 0 ? [`what is rehearsed on cannot show, or has from elsewhere: ${unshown.join(', ')}`] : []),
  ];
}

/** Beside what is said of extensions where the copy is made. */
export function leftOutFinding({ left }: Unshown): Finding[] {
  if (left.length === 0) return [];
  return [
    { level: 'info', code: 'COPY_DIFFERS', message: `The copy cannot show what the target has: ${left.join(', ')}.` },
  ];
}
