import { copySource, localeOf, type Secret, type StepContext, type TaskContext, withPostgres } from '@drydock/kit';
import type { Counted } from '../archive/reader.ts';
import { backupsSection } from '../config/backups.ts';
import type { Manifest } from '../manifest.ts';
import { Pace } from '../pace.ts';
import { type Chosen, choose } from './choose.ts';
import { makeDatabase, onServer } from './databases.ts';
import { mayLeaveOut, putOnSettings, type Refused, refuseRefused, tryOn } from './dress.ts';
import { foresee, leadsOut, ownersOf, provideForArchive, refuseOwners } from './foreseen.ts';
import { chooseGiven, differences } from './given.ts';
import type { Head } from './head.ts';
import { refuseHoles, type Skipped } from './holes.ts';
import { openArchive, restoreArchive } from './pg-restore.ts';
import { readPlain } from './plain.ts';
import { freshUrl, openPlanned, type RestorePlan } from './plan.ts';
import type { Properties, Statement } from './properties.ts';
import { countsBeside } from './prove.ts';
import { refusedRights } from './rights.ts';
import { refuseLackingRoles } from './roles.ts';

export type Restored = {
  skipped: Skipped[];
  /** Rights that the role could not give or take. */
  refused: Refused[];
  seconds: number;
  /** Of the database that was made: its name changes, this does not. */
  oid: number;
  /** Rows in the backup and their sums, as it passed; null where they could not be told. */
  counted: Counted[] | null;
  largeObjects: { count: number; checksum: string } | null;
  /** The tables alone that were restored; null for all. */
  tables: { schema: string | null; name: string }[] | null;
  /** What is not there because somebody said so. */
  accepted: { kind: string; schema: string; name: string }[];
};

/** The backup in a database of its own. What this role cannot make of it is told before a row is restored. */
export async function restoreFresh(
  ctx: TaskContext,
  url: Secret,
  plan: RestorePlan,
  head: Head,
  { detail, signal, out }: StepContext,
): Promise<Omit<Restored, 'seconds'>> {
  const chosen = choose(plan, head.objects);
  const { objects, tables, known } = chosen;
  for (const { what, why } of chosen.left) out.warn(`Not restored: ${what} (${why})`);
  const { properties, by, warning } = await chooseGiven(url, plan, async () => head.properties, signal);
  if (warning) out.warn(warning);
  if (by === 'live') for (const difference of differences(head.properties, properties)) out.warn(difference);
  const source = await openPlanned(ctx, plan);
  const { manifest } = source;
  const identity = ctx.environment.secret(backupsSection.of(ctx.config).identity);
  const pace = new Pace(manifest?.plain.bytes ?? 0, detail);
  const paced = async function* () {
    for await (const piece of readPlain(source, identity)) {
      pace.add(piece.length);
      yield piece;
    }
    detail('rows and indexes');
  };
  const { jobs, noOwner } = plan;
  const beside = plan.before === null;
  const counts = countsBeside(manifest, tables);
  // It is opened while the database for it is made.
  const coming = openArchive(paced(), { jobs, counts, signal });
  try {
    const { to, oid } = await makeReady(ctx, url, plan, { head, chosen, properties, manifest });
    if (!head.foreignRights)
      out.warn('What rights the backup has on what extensions made could not be told, nor whether they are there.');
    const { skipped, counted, largeObjects } = await restoreArchive(coming, to, {
      ...{ jobs, noOwner, signal, known, beside, counts },
      only: chosen.only,
      table: chosen.only ? undefined : tables?.[0],
    });
    refuseHoles(skipped);
    const refused = await foreignRights(to, plan, head);
    if (!mayLeaveOut(plan)) refuseRefused(refused.filter(({ what }) => !known.isAccepted(what)));
    const more = [...skipped, ...leadsOut(objects, beside)];
    for (const { what, why } of more) out.warn(`Not restored: ${what} (${why})`);
    return {
      skipped: [...chosen.left, ...more],
      refused,
      oid,
      counted: counted?.filter(({ schema, name }) => !isOut(chosen, schema, name)) ?? null,
      largeObjects: largeObjects ?? null,
      tables: tables?.map(({ schema = null, name }) => ({ schema, name })) ?? null,
      accepted: chosen.accepted.map(({ kind, schema, name }) => ({ kind, schema, name })),
    };
  } finally {
    await coming.remove();
  }
}

interface Wanted {
  head: Head;
  chosen: Chosen;
  properties: Properties;
  manifest: Manifest | undefined;
}

/** The database, empty, and as far as it is known beforehand able to take what comes. */
async function makeReady(
  { config, environment }: TaskContext,
  url: Secret,
  plan: RestorePlan,
  { head, chosen: { objects, known }, properties, manifest }: Wanted,
): Promise<{ to: Secret; oid: number }> {
  const source = copySource(config, environment);
  const { oid, locale } = await onServer(url, async (client) => {
    if (!plan.noOwner) await refuseOwners(client, ownersOf(objects), plan.label);
    await refuseLackingRoles(client, objects, plan.label);
    return {
      oid: await makeDatabase(client, plan.fresh, properties.create, source),
      locale: await localeOf(client, plan.fresh),
    };
  });
  const to = freshUrl(url, plan);
  await provideForArchive(to, objects, { manifest, source, locale });
  const foreseen = await foresee(to, objects, { beside: plan.before === null });
  await withPostgres(to, 'drydock db:restore', async (client) => {
    const refused = await tryOn(client, plan.fresh, statementsFor(plan, properties));
    const all = [...refused, ...foreseen, ...(await foreignRights(to, plan, head))];
    if (!mayLeaveOut(plan)) refuseRefused(all.filter(({ what }) => !known.isAccepted(what)));
    await putOnSettings(client, plan.fresh, properties.statements);
  });
  return { to, oid };
}

/** Its rows are in the archive, and not asked for. */
function isOut({ accepted }: Chosen, schema: string, name: string): boolean {
  return accepted.some((one) => one.kind === 'TABLE DATA' && one.schema === schema && one.name === name);
}

/** On what PostgreSQL and its extensions made. Asked before the hours of restoring and after: then more of it is there. */
async function foreignRights(to: Secret, plan: RestorePlan, head: Head): Promise<Refused[]> {
  if (plan.noOwner || plan.table !== null) return [];
  return refusedRights(to, head.foreignRights ?? []);
}

/** One table is put where its rows can be taken from: nobody is to work there. */
export function statementsFor({ table }: RestorePlan, { statements }: Properties): Statement[] {
  return table === null ? statements : [];
}
