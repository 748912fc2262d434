import { type Finding, OpsError, type Secret } from '@drydock/kit';
import { diffToSchema } from '../drift.ts';
import { refuseUnfitSchema } from '../schema/refuse.ts';
import { looking } from '../sessions/looking.ts';
import type { Target } from '../target.ts';
import { readCatalogue, whyNone } from './aside.ts';
import { type DriftItem, readRemedies } from './items.ts';

/** What a database is not of what the Prisma schema says. */
export interface Drift {
  items: DriftItem[];
  /** What the engine of Prisma 7 would change, and is none; with why. */
  aside: { key: string; why: string }[];
  /** What would have to be run. */
  sql: string;
}

/** Reads only. A schema that the engine cannot compare is DRIFT_CHECK_FAILED. */
export async function readDrift(target: Target, url: Secret): Promise<Drift> {
  await refuseUnfitSchema(target);
  const { schemaFile, defaultSchema } = target;
  const sql = await diffToSchema(url, schemaFile);
  if (sql === undefined) return { items: [], aside: [], sql: '' };
  const catalogue = await looking(url, 'drydock db:drift', readCatalogue);
  const remedies = await readRemedies(sql, defaultSchema, catalogue.labels);
  const aside = remedies.flatMap(({ items }) =>
    items.flatMap((item) => {
      const why = whyNone(item, catalogue);
      return why ? [{ key: item.key, why }] : [];
    }),
  );
  const isDrift = (item: DriftItem) => whyNone(item, catalogue) === undefined;
  const left = remedies.filter(({ items }) => items.some(isDrift));
  return {
    items: left.flatMap(({ items }) => items.filter(isDrift)),
    aside,
    sql: left.map((remedy) => remedy.sql).join('\n\n'),
  };
}

/** Where what is asked for is more than drift: that it could not be told is a finding beside the rest. */
export async function findDrift(target: Target, url = target.url): Promise<{ drift: Drift; failed: Finding[] }> {
  try {
    return { drift: await readDrift(target, url), failed: [] };
  } catch (thrown) {
    if (!(thrown instanceof OpsError) || thrown.code !== 'DRIFT_CHECK_FAILED') throw thrown;
    const { code, message, hint } = thrown;
    return { drift: { items: [], aside: [], sql: '' }, failed: [{ level: 'warn', code, message, hint }] };
  }
}
