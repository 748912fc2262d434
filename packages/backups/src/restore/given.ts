import { OpsError, type Secret, type TaskContext } from '@drydock/kit';
import { backupsSection } from '../config/backups.ts';
import { dumpProperties } from '../dump/pg-dump.ts';
import { exists, onServer } from './databases.ts';
import { type Head, readHead } from './head.ts';
import { readPlain } from './plain.ts';
import { openPlanned, type RestorePlan } from './plan.ts';
import type { Properties } from './properties.ts';

/** What the database that is made is given, and by which of the two. */
export interface Given {
  properties: Properties;
  by: 'live' | 'backup';
  /** Why the live one's own could not be read. */
  warning?: string;
}

export async function readBackupHead(ctx: TaskContext, plan: RestorePlan, signal: AbortSignal): Promise<Head> {
  const source = await openPlanned(ctx, plan);
  const identity = ctx.environment.secret(backupsSection.of(ctx.config).identity);
  return readHead(readPlain(source, identity), { noOwner: plan.noOwner, signal });
}

/**
 * In place the live database's own properties stay, for it is its rows that are restored: who may connect today is
 * not for a backup of last week to say. Where it is gone or cannot be read, and beside it, those of the backup come back.
 */
export async function chooseGiven(
  url: Secret,
  plan: RestorePlan,
  ofBackup: () => Promise<Properties>,
  signal: AbortSignal,
): Promise<Given> {
  const live = plan.before !== null && (await onServer(url, (client) => exists(client, plan.name)));
  if (!live) return { properties: await ofBackup(), by: 'backup' };
  try {
    const { properties } = await readHead(dumpProperties(url), { noOwner: false, signal });
    return { properties, by: 'live' };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof OpsError) || error.code !== 'DUMP_FAILED') throw error;
    const warning = `The live database's own rights and settings cannot be read: those of the backup are put on. ${error.message}`;
    return { properties: await ofBackup(), by: 'backup', warning };
  }
}

/** Named, not shown: a value may be a secret. */
export function differences(backup: Properties, live: Properties): string[] {
  const all = ({ statements }: Properties) => new Map(statements.map(({ sql, what }) => [sql('""'), what]));
  const [was, is] = [all(backup), all(live)];
  const changed = new Set([
    ...[...was].flatMap(([sql, what]) => (is.has(sql) ? [] : [what])),
    ...[...is].flatMap(([sql, what]) => (was.has(sql) ? [] : [what])),
    ...['encoding', 'locale_provider', 'locale', 'lc_collate', 'lc_ctype', 'icu_locale', 'builtin_locale'].filter(
      (name) => backup.create?.get(name) !== live.create?.get(name),
    ),
  ]);
  if (changed.size === 0) return [];
  return [`The live database's own properties stay; the backup has others: ${[...changed].join(', ')}.`];
}
