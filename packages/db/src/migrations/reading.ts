import { OpsError } from '@drydock/kit';
import { readsBackslashes } from '@drydock/kit/sql';
import type { Client } from 'pg';
import type { Statement } from './statements.ts';

/** What the server reports of itself whenever it changes: PostgreSQL manual, 55.2.7 (asynchronous operations). */
interface Reports {
  connection: {
    on(event: 'parameterStatus', listener: (message: { parameterName: string; parameterValue: string }) => void): void;
  };
}

interface Reading {
  /** standard_conforming_strings at this moment. */
  conforming: boolean;
  /** What role, database or server make of it where nobody sets it. */
  byDefault: boolean;
}
const reported = new WeakMap<Client, Reading>();

/** From here on it is known how the server reads a plain string. Sets it to the standard, which each script begins with. */
export async function watchReading(client: Client): Promise<void> {
  const { rows } = await client.query<{ value: string }>(
    `SELECT current_setting('standard_conforming_strings') AS value`,
  );
  const state: Reading = { conforming: true, byDefault: rows[0]?.value !== 'off' };
  reported.set(client, state);
  (client as unknown as Reports).connection.on('parameterStatus', ({ parameterName, parameterValue }) => {
    if (parameterName === 'standard_conforming_strings') state.conforming = parameterValue === 'on';
  });
  await client.query('SET standard_conforming_strings = on');
}

/**
 * Where role or database have standard_conforming_strings off, psql and Prisma's CLI would read a backslash in a plain string as
 * an escape, and we would not: which of the two the author meant, the file has to say.
 */
export async function refuseUnsaidReading(client: Client, statements: Statement[], file: string): Promise<void> {
  if (reported.get(client)?.byDefault !== false) return;
  for (const { node, sql, line } of statements) {
    if (node.VariableSetStmt?.name === 'standard_conforming_strings') return;
    if (await readsBackslashes(sql))
      throw unsure(
        `${file}:${line}: this role or database sets standard_conforming_strings off, so that a backslash in a plain string means one thing here and another elsewhere.`,
      );
  }
}

/**
 * Refuses a statement that the server would read otherwise than it was cut: a function or a block has changed
 * standard_conforming_strings, which no syntax tells.
 */
export async function refuseOtherReading(client: Client, statement: Statement, file: string): Promise<void> {
  const conforming = reported.get(client)?.conforming ?? true;
  if (conforming === statement.conforming || !(await readsBackslashes(statement.sql))) return;
  throw unsure(
    `${file}:${statement.line}: standard_conforming_strings is ${conforming ? 'on' : 'off'} by then, which the file does not say in a SET of its own; where its strings end cannot be told.`,
  );
}

function unsure(message: string): OpsError {
  return new OpsError({
    code: 'MIGRATION_UNSURE',
    message,
    hint: "Write E'…' for a string with a backslash, or SET standard_conforming_strings in a statement of its own before it.",
  });
}
