import { connectPostgres, OpsError, type Secret } from '@drydock/kit';
import type { Client } from 'pg';
import { type ApplyOptions, withLockRetry } from '../migrations/apply.ts';
import { recordRollback } from '../migrations/history.ts';
import { parseStatements, type Statement } from '../migrations/statements.ts';

/** SQLSTATE undefined_object and undefined_table: a kill came after the drop. */
const GONE = new Set(['42704', '42P01']);

/**
 * Runs one down script and marks its migration as rolled back, as Prisma does: it is pending again. Both commit
 * together, unless the script holds what cannot run in a transaction; then it may be repeated after a kill.
 */
export async function runDown(
  url: Secret,
  { name, sql }: { name: string; sql: string },
  options: ApplyOptions,
): Promise<void> {
  const statements = await parseStatements(sql, `${name}/down.sql`);
  const client = await connectPostgres(url, `drydock rollback ${name}`.slice(0, 63));
  try {
    const alone = statements.some((statement) => statement.alone);
    await withLockRetry(client, options, () =>
      alone ? runAlone(client, name, statements) : runTogether(client, name, sql),
    );
  } catch (cause) {
    if (cause instanceof OpsError) throw cause;
    throw new OpsError({
      code: 'DOWN_FAILED',
      message: `down.sql of ${name} failed: ${(cause as Error).message}.`,
      hint: 'What ran in a transaction was rolled back. Mend it and run it again.',
      cause,
    });
  } finally {
    await client.end();
  }
}

async function runTogether(client: Client, name: string, sql: string): Promise<void> {
  await client.query('BEGIN');
  try {
    await client.query(sql);
    await recordRollback(client, name);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  }
}

async function runAlone(client: Client, name: string, statements: Statement[]): Promise<void> {
  for (const { sql, alone } of statements) {
    try {
      await client.query(sql);
    } catch (error) {
      if (!alone || !GONE.has((error as { code?: string }).code ?? '')) throw error;
    }
  }
  await recordRollback(client, name);
}
