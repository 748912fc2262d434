import { connectPostgres, OpsError, type Secret } from '@drydock/kit';
import type { Client } from 'pg';
import { type ApplyOptions, withLockRetry } from '../migrations/apply.ts';
import { recordRollback } from '../migrations/history.ts';
import { parseStatements, type Statement } from '../migrations/statements.ts';
import { FencedExecutor } from '../rehearsal/fence.ts';

/** SQLSTATE undefined_object and undefined_table: a kill came after the drop. */
const GONE = new Set(['42704', '42P01']);

/**
 * Runs one down script and marks its migration as rolled back, as Prisma does: it is pending again. Both commit
 * together, unless the script holds what cannot run in a transaction; then it may be repeated after a kill. `fenced`: on a
 * scratch database, without what reaches out of it.
 */
export async function runDown(
  url: Secret,
  { name, sql }: { name: string; sql: string },
  { fenced, ...options }: ApplyOptions & { fenced?: boolean },
): Promise<void> {
  const statements = await parseStatements(sql, `${name}/down.sql`);
  const client = await connectPostgres(url, `drydock rollback ${name}`.slice(0, 63));
  try {
    const alone = statements.some((statement) => statement.alone);
    // Made anew for each attempt: what was left out of one that was taken back is not left out of the next.
    const script = () => (fenced ? new FencedExecutor(client) : undefined);
    await withLockRetry(client, options, () =>
      alone ? runAlone(client, name, statements, script()) : runTogether(client, { name, sql, statements }, script()),
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

async function runTogether(
  client: Client,
  { name, sql, statements }: { name: string; sql: string; statements: Statement[] },
  fence: FencedExecutor | undefined,
): Promise<void> {
  await inTransaction(client, async () => {
    if (fence) await fence.script(client, undefined, statements);
    else await client.query(sql);
    await recordRollback(client, name);
  });
}

async function inTransaction(client: Client, work: () => Promise<void>): Promise<void> {
  await client.query('BEGIN');
  try {
    await work();
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  }
}

async function runAlone(
  client: Client,
  name: string,
  statements: Statement[],
  fence: FencedExecutor | undefined,
): Promise<void> {
  let own = false;
  for (const statement of statements) {
    const { sql, alone, transaction } = statement;
    try {
      if (!fence) await client.query(sql);
      else if (alone || own) await fence.statement(client, statement);
      else await inTransaction(client, () => fence.statement(client, statement));
    } catch (error) {
      if (!alone || !GONE.has((error as { code?: string }).code ?? '')) throw error;
    }
    if (transaction) own = transaction === 'begin';
  }
  await recordRollback(client, name);
}
