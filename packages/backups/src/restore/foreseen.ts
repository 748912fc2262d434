import {
  type CopySource,
  EXIT,
  type Extension,
  extensionAdvice,
  OpsError,
  provideExtensions,
  quoteIdentifier as q,
  type Secret,
  shortList,
  withPostgres,
} from '@drydock/kit';
import type { Client } from 'pg';
import type { TocObject } from '../archive/toc.ts';
import type { Manifest } from '../manifest.ts';
import { partsOf } from '../table-name.ts';
import type { Refused } from './dress.ts';
import type { Skipped } from './holes.ts';

/** Said of objects: who has no right to them lacks no object. */
const SAID_OF = /^(COMMENT|ACL|SECURITY LABEL|DEFAULT ACL)$/;

/**
 * Makes the extensions of a backup in the empty database, each by who may, before any row is read: an archive of hours that ends
 * at a type that is not there would be none. What nothing else hangs on is no loss. Returns what is left out.
 */
export async function provideForArchive(
  to: Secret,
  objects: TocObject[],
  { manifest, source, locale }: { manifest: Manifest | undefined; source: CopySource; locale: string },
): Promise<void> {
  const wanted = extensionsIn(objects, manifest);
  if (wanted.length === 0) return;
  const { lacking, missing } = await provideExtensions(to, wanted, source);
  const hanging = (name: string) => hangingOn(objects, name);
  const needed = lacking.filter(({ name }) => hanging(name).length > 0);
  if (needed.length === 0) return;
  throw new OpsError({
    code: 'EXTENSION_REFUSED',
    message: `The role may not make ${shortList(needed.map(({ name, why }) => `the extension ${name} (${why})`))}, on which ${shortList(
      needed.flatMap(({ name }) => hanging(name)),
    )} of the backup hang.`,
    hint: extensionAdvice(missing, locale, source),
    exit: EXIT.failed,
  });
}

function extensionsIn(objects: TocObject[], manifest: Manifest | undefined): Extension[] {
  return objects
    .filter(({ kind, name }) => kind === 'EXTENSION' && name !== 'plpgsql')
    .map(({ name, sql }) => {
      const schema = /WITH SCHEMA (.+?);?\s*$/.exec(sql)?.[1] ?? 'public';
      return { name, schema: partsOf(schema)[0] || 'public', version: manifest?.extensionVersions?.[name] ?? null };
    });
}

function hangingOn(objects: TocObject[], extension: string): string[] {
  const id = String(objects.find(({ kind, name }) => kind === 'EXTENSION' && name === extension)?.dumpId);
  return objects
    .filter(({ kind, needs }) => needs.includes(id) && !SAID_OF.test(kind) && kind !== 'EXTENSION')
    .map(({ kind, name }) => `${kind.toLowerCase()} ${name}`);
}

/** Kinds that PostgreSQL lets a superuser alone make (manual, the notes of each CREATE). */
const SUPERUSERS =
  /^(EVENT TRIGGER|FOREIGN DATA WRAPPER|ACCESS METHOD|TRANSFORM|OPERATOR CLASS|OPERATOR FAMILY|TEXT SEARCH (PARSER|TEMPLATE))$/;

/** What of an archive this role cannot make, asked before the hours of restoring. */
export async function foresee(to: Secret, objects: TocObject[], { beside }: { beside: boolean }): Promise<Refused[]> {
  return withPostgres(to, 'drydock db:restore', async (client) => {
    const { rows } = await client.query<{ all: boolean }>(
      'SELECT rolsuper AS all FROM pg_roles WHERE rolname = current_user',
    );
    if (rows[0]?.all) return [];
    return objects
      .filter(
        ({ kind, sql }) =>
          SUPERUSERS.test(kind) || (!beside && kind === 'PUBLICATION' && /FOR (ALL TABLES|TABLES IN)/.test(sql)),
      )
      .map(({ kind, name }) => ({ what: `${kind} ${name}`, why: 'only a superuser may make it' }));
  });
}

/** Objects of other roles, which only who may act as those can give them: as it is, hours later it would be found incomplete. */
export async function refuseOwners(client: Client, owners: string[], what: string): Promise<void> {
  const { rows } = await client.query<{ owner: string; role: string }>(
    `SELECT r.rolname::text AS owner, current_user::text AS role FROM pg_roles r
      WHERE r.rolname = ANY ($1) AND NOT pg_has_role(r.oid, CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END)`,
    [owners],
  );
  if (!rows[0]) return;
  const names = rows.map(({ owner }) => q(owner));
  throw new OpsError({
    code: 'OWNER_REFUSED',
    message: `The role ${rows[0].role} may not give objects of ${what} to ${shortList(names)}, whose they are.`,
    hint: `Let it: GRANT ${names.join(', ')} TO ${q(rows[0].role)}; or restore for yourself alone: --no-owner`,
  });
}

/** Roles of the server itself are no owners to give something to; schema public is there, and those of extensions come with them. */
export function ownersOf(objects: TocObject[] = []): string[] {
  const there = new Set(['public', ...extensionsIn(objects, undefined).map(({ schema }) => schema)]);
  const given = objects.filter(
    ({ kind, name }) =>
      !/^(COMMENT|ACL|SECURITY LABEL|SUBSCRIPTION|PUBLICATION.*|DATABASE.*)$/.test(kind) &&
      !SUPERUSERS.test(kind) &&
      !(kind === 'SCHEMA' && there.has(name)),
  );
  return [...new Set(given.map(({ owner }) => owner))].filter((owner) => owner && !owner.startsWith('pg_'));
}

/** What would lead out of a copy: a subscription asks the publisher for the live one's slot, and keeps its database from being dropped. */
export function leadsOut(objects: TocObject[], beside: boolean): Skipped[] {
  const why = {
    SUBSCRIPTION: 'it would ask the publisher for the slot of the live one',
    PUBLICATION: 'nobody is subscribed to a database beside the live one',
  };
  return objects.flatMap(({ kind, name }) =>
    kind === 'SUBSCRIPTION' || (beside && kind === 'PUBLICATION')
      ? [{ what: `${kind} ${name}`, why: why[kind], hole: false }]
      : [],
  );
}
