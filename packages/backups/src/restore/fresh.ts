import { copySource, localeOf, type Secret, type StepContext, type TaskContext, withPostgres } from '@drydock/kit';
import type { Counted } from '../archive/offsets.ts';
import { backupsSection } from '../config/backups.ts';
import { Pace } from '../pace.ts';
import { makeDatabase, onServer } from './databases.ts';
import { putOnSettings, type Refused, refuseRefused, tryOn } from './dress.ts';
import { foresee, leadsOut, ownersOf, provideForArchive, refuseOwners } from './foreseen.ts';
import { chooseGiven, differences } from './given.ts';
import type { Head } from './head.ts';
import { refuseHoles, type Skipped } from './holes.ts';
import { pgRestore } from './pg-restore.ts';
import { readPlain } from './plain.ts';
import { freshUrl, openPlanned, type RestorePlan } from './plan.ts';
import type { Properties, Statement } from './properties.ts';
import { countsBeside } from './prove.ts';
import { refusedRights } from './rights.ts';
import { chooseTable } from './tables.ts';

export type Restored = {
  skipped: Skipped[];
  /** Rights that the role could not give or take. */
  refused: Refused[];
  seconds: number;
  /** Of the database that was made: its name changes, this does not. */
  oid: number;
  /** Rows in the backup of tables without a checksum; null where they could not be told. */
  counted: Counted[] | null;
  /** What the one table is called in the backup. */
  table: string[] | null;
};

/** The backup in a database of its own. What this role cannot make of it is told before a row is read. */
export async function restoreFresh(
  ctx: TaskContext,
  url: Secret,
  plan: RestorePlan,
  head: Head,
  { detail, signal, out }: StepContext,
): Promise<Omit<Restored, 'seconds'>> {
  const table = plan.table === null ? undefined : chooseTable(plan.table, head.tables);
  const { properties, by, warning } = await chooseGiven(url, plan, async () => head.properties, signal);
  if (warning) out.warn(warning);
  if (by === 'live') for (const difference of differences(head.properties, properties)) out.warn(difference);
  const source = await openPlanned(ctx, plan);
  const { manifest } = source;
  const copies = copySource(ctx.config, ctx.environment);
  const beside = plan.before === null;
  const { oid, locale } = await onServer(url, async (client) => {
    if (!plan.noOwner && !table) await refuseOwners(client, ownersOf(head.objects), plan.label);
    return {
      oid: await makeDatabase(client, plan.fresh, properties.create, copies),
      locale: await localeOf(client, plan.fresh),
    };
  });
  const objects = head.objects ?? [];
  await provideForArchive(freshUrl(url, plan), objects, {
    manifest,
    source: copies,
    locale,
    table: table !== undefined,
  });
  const foreseen = table ? [] : await foresee(freshUrl(url, plan), objects, { beside });
  await withPostgres(freshUrl(url, plan), 'drydock db:restore', async (client) => {
    const refused = await tryOn(client, plan.fresh, statementsFor(plan, properties));
    if (!mayLeaveOut(plan)) refuseRefused([...refused, ...foreseen, ...(await foreignRights(url, plan, head))]);
    await putOnSettings(client, plan.fresh, properties.statements);
  });
  const identity = ctx.environment.secret(backupsSection.of(ctx.config).identity);
  const pace = new Pace(source.manifest?.plain.bytes ?? 0, detail);
  const paced = async function* () {
    for await (const chunk of readPlain(source, identity)) {
      pace.add(chunk.length);
      yield chunk;
    }
    detail('rows and indexes');
  };
  const { jobs, noOwner } = plan;
  const counts = countsBeside(manifest, table);
  if (!head.foreignRights)
    out.warn('What rights the backup has on what extensions made could not be told, nor whether they are there.');
  const { skipped, counted } = await pgRestore(paced(), freshUrl(url, plan), {
    jobs,
    noOwner,
    signal,
    table,
    counts,
    beside,
  });
  refuseHoles(skipped);
  const refused = await foreignRights(url, plan, head);
  if (!mayLeaveOut(plan)) refuseRefused(refused);
  return {
    skipped: [...skipped, ...(table ? [] : leadsOut(objects, beside))],
    refused,
    oid,
    counted: counted ?? null,
    table: table ? [...(table.schema === undefined ? [] : [table.schema]), table.name] : null,
  };
}

/** On what PostgreSQL and its extensions made. Asked before the hours of restoring and after: then more of it is there. */
async function foreignRights(url: Secret, plan: RestorePlan, head: Head): Promise<Refused[]> {
  if (plan.noOwner || plan.table !== null) return [];
  return refusedRights(freshUrl(url, plan), head.foreignRights ?? []);
}

/** One table is put where its rows can be taken from: nobody is to work there. */
export function statementsFor({ table }: RestorePlan, { statements }: Properties): Statement[] {
  return table === null ? statements : [];
}

/** Without owners and rights, what else a role of another server was given is nothing to stop for. */
export function mayLeaveOut({ skipRefused, noOwner }: RestorePlan): boolean {
  return skipRefused || noOwner;
}
