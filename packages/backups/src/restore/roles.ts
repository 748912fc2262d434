import { OpsError, quoteIdentifier as q, shortList } from '@drydock/kit';
import { compileForShortRuns } from '@drydock/kit/sql';
import type { Client } from 'pg';
import type { TocObject } from '../archive/toc.ts';
import { callOf } from './accept.ts';

/** What names roles, and cannot be made where they are not: owners and grants can be left out, these cannot. */
const NAMES_ROLES = /^(POLICY|USER MAPPING)$/;

/** Of the server that it is restored on, and no fault of the backup: told before a row is read. */
export async function refuseLackingRoles(client: Client, objects: TocObject[], what: string): Promise<void> {
  const named = await rolesIn(objects.filter(({ kind }) => NAMES_ROLES.test(kind)));
  const { rows } = await client.query<{ role: string }>(
    'SELECT role FROM unnest($1::text[]) AS role WHERE role NOT IN (SELECT rolname FROM pg_roles)',
    [[...named.keys()]],
  );
  if (!rows[0]) return;
  const lacking = rows.map(({ role }) => role);
  const which = [...new Set(lacking.flatMap((role) => named.get(role) ?? []))];
  throw new OpsError({
    code: 'ROLE_MISSING',
    message: `This server does not have the role ${shortList(lacking)}, which ${shortList(which)} of ${what} ${which.length === 1 ? 'names' : 'name'}.`,
    hint: `Make them here: ${lacking.map((role) => `CREATE ROLE ${q(role)} NOLOGIN;`).join(' ')}`,
  });
}

/** By role, what names it. */
async function rolesIn(objects: TocObject[]): Promise<Map<string, string[]>> {
  const named = new Map<string, string[]>();
  if (objects.length === 0) return named;
  compileForShortRuns();
  const { loadModule, parseSync } = await import('libpg-query');
  await loadModule();
  for (const object of objects)
    for (const role of rolesOf(parsed(parseSync, object.sql)))
      named.set(role, [...(named.get(role) ?? []), callOf(object)]);
  return named;
}

/** A statement of a version to come is told by the server. */
function parsed(parse: (sql: string) => unknown, sql: string): unknown {
  try {
    return parse(sql);
  } catch {
    return undefined;
  }
}

/** Wherever they stand in it: `RoleSpec` of PostgreSQL's grammar. */
function rolesOf(node: unknown): string[] {
  if (Array.isArray(node)) return node.flatMap(rolesOf);
  if (typeof node !== 'object' || node === null) return [];
  return Object.entries(node).flatMap(([key, value]) => {
    const name = key === 'RoleSpec' || key === 'user' ? (value as { rolename?: unknown }).rolename : undefined;
    return typeof name === 'string' ? [name] : rolesOf(value);
  });
}
