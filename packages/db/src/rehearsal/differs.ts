import {
  type CopySource,
  dependentsOf,
  extensionAdvice,
  type Finding,
  type Provided,
  type Secret,
  shortList,
  withPostgres,
} from '@drydock/kit';
import type { Client } from 'pg';

/** In what a copy is not the target, so that a failure there may say nothing about it. */
export interface Differs {
  findings: Finding[];
  /** Extensions that it lacks; and those that it has and the target has not. */
  lacks: string[];
  extra: string[];
  /** Tables of the target, qualified and quoted, whose rows cannot be in it. */
  without: string[];
}

export const NO_DIFFERENCE: Differs = { findings: [], lacks: [], extra: [], without: [] };

/** Said by what hangs on it: an extension that nothing of the product needs is not missed. */
export async function differsBy(
  target: Client,
  { lacking, missing, others, extra }: Provided,
  { options, source, unwritable: closed }: { options: string; source: CopySource; unwritable: string[] },
): Promise<Differs> {
  const { tables, rest } = await dependentsOf(
    target,
    lacking.map(({ name }) => name),
  );
  const hanging = [...tables.map((name) => `table ${name}`), ...rest];
  const findings: Finding[] = [];
  if (lacking.length > 0)
    findings.push({
      level: hanging.length > 0 ? 'warn' : 'info',
      code: 'COPY_DIFFERS',
      message: `The copy lacks ${shortList(lacking.map(({ name, why }) => `the extension ${name} (${why})`))}${
        hanging.length > 0
          ? `, and with it ${shortList(hanging)}: what migrations do there is not rehearsed`
          : ', on which nothing else of the target hangs'
      }.`,
      hint: extensionAdvice(missing, options, source),
    });
  for (const { wanted, has } of others)
    findings.push({
      level: 'warn',
      code: 'COPY_DIFFERS',
      message: `The copy has the extension ${wanted.name} ${has.version} in schema ${has.schema}, the target ${wanted.version} in ${wanted.schema}.`,
      hint: source.template
        ? `Make it in ${source.template} as it is there: DROP EXTENSION, then ${extensionAdvice([wanted], options, source)}`
        : undefined,
    });
  if (closed.length > 0)
    findings.push({
      level: 'info',
      code: 'COPY_DIFFERS',
      message: `Rows that the target has in tables of extensions are not in the copy: ${shortList(closed)}.`,
    });
  return {
    findings,
    lacks: lacking.map(({ name }) => name),
    extra: extra.map(({ name }) => name),
    without: [...tables, ...closed],
  };
}

/** Tables of extensions of which a dump has rows, and into which the role may write none. */
export async function unwritable(copy: Secret): Promise<string[]> {
  return withPostgres(copy, 'drydock rehearsal', async (client) => {
    const { rows } = await client.query<{ name: string }>(
      `SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS name FROM pg_extension e JOIN pg_class c ON c.oid = ANY (e.extconfig)
         JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p') AND NOT has_table_privilege(c.oid, 'INSERT')`,
    );
    return rows.map(({ name }) => name);
  });
}
