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

const reported = new WeakMap<Client, { conforming: boolean }>();

/** From here on it is known how the server reads a plain string. Sets it to the standard, which the session begins with. */
export async function watchReading(client: Client): Promise<void> {
  const state = { conforming: true };
  reported.set(client, state);
  (client as unknown as Reports).connection.on('parameterStatus', ({ parameterName, parameterValue }) => {
    if (parameterName === 'standard_conforming_strings') state.conforming = parameterValue === 'on';
  });
  await client.query('SET standard_conforming_strings = on');
}

/**
 * Refuses a statement that the server would read otherwise than it was cut: a function or a block has changed
 * standard_conforming_strings, which no syntax tells.
 */
export async function refuseOtherReading(client: Client, statement: Statement, file: string): Promise<void> {
  const conforming = reported.get(client)?.conforming ?? true;
  if (conforming === statement.conforming || !(await readsBackslashes(statement.sql))) return;
  throw new OpsError({
    code: 'MIGRATION_UNSURE',
    message: `${file}:${statement.line}: standard_conforming_strings is ${conforming ? 'on' : 'off'} by then, which the file does not say in a SET of its own; where its strings end cannot be told.`,
    hint: "Write E'…' for a string with a backslash, or SET standard_conforming_strings in a statement of its own.",
  });
}
