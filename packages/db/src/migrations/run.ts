import { EXIT, OpsError } from '@drydock/kit';
import { mayChangeReading } from '@drydock/kit/sql';
import type { Client } from 'pg';
import { isLockTimeout } from '../sessions/waiting.ts';
import { writeAttempt } from './attempt.ts';
import { type Found, findIndex, invalidIndexes } from './built.ts';
import { type Effect, type Failed, isConnectionLost, locate, type Sent } from './failure.ts';
import type { Ledger } from './ledger.ts';
import { refuseOtherReading } from './reading.ts';
import { settingsOf } from './settings.ts';
import type { Statement } from './statements.ts';

/** A migration, or its down.sql. */
export interface Script {
  name: string;
  file: string;
  sql: string;
}

/** `script`: all of a migration, inside a transaction. `statement`: one of a migration that runs in pieces. */
export interface Executor {
  script(client: Client, script: Script, statements: Statement[]): Promise<void>;
  statement(client: Client, statement: Statement): Promise<void>;
  /** The script was taken back, and is run again in pieces. */
  again?(): void;
}

export const PLAIN: Executor = {
  async script(client, { sql, file }, statements) {
    // One message is parsed whole, under the settings that it begins with.
    if (!mayChangeReading(sql)) {
      const done = countDone(client);
      const sent = { sql, line: 1, column: 1 };
      return void (await client
        .query(sql)
        .catch((error) => placed(error, sent, statements[done.stop()]))
        .finally(done.stop));
    }
    for (const statement of statements) {
      await refuseOtherReading(client, statement, file);
      await PLAIN.statement(client, statement);
    }
  },
  statement: async (client, statement) =>
    void (await client.query(statement.sql).catch((error) => placed(error, statement, statement))),
};

function placed(error: Failed, sent: Sent, statement: Sent | undefined): never {
  throw locate(error, sent, statement);
}

/** How many statements of one message are done, by the server's word for each: which of them failed, the error alone does not say. */
function countDone(client: Client): { stop(): number } {
  const { connection } = client as unknown as { connection: NodeJS.EventEmitter };
  let done = 0;
  const count = () => void done++;
  connection.on('commandComplete', count);
  return {
    stop() {
      connection.off('commandComplete', count);
      return done;
    },
  };
}

/** The role, and behind SET SESSION AUTHORIZATION the user, that the session began with, until the transaction ends. */
const AS_OURSELVES = 'SET LOCAL SESSION AUTHORIZATION DEFAULT; SET LOCAL ROLE TO DEFAULT';

export interface Run {
  client: Client;
  script: Script;
  statements: Statement[];
  ledger: Ledger;
  executor: Executor;
  lockTimeoutMs: number;
  concurrentlyWaitMs: number;
}

/** The script and its record commit together: a kill leaves all or nothing. */
export async function runTogether({ client, script, statements, ledger, executor }: Run): Promise<void> {
  const modes = modesOf(statements);
  try {
    // Few messages: a server may be far away, and a history has hundreds of small migrations.
    await client.query(modes.length > 0 ? 'BEGIN' : `BEGIN; ${ledger.start(client)}`);
    // Before the record, which is a query; said again in its place it changes nothing.
    for (const statement of modes) await PLAIN.statement(client, statement);
    if (modes.length > 0) await client.query(ledger.start(client));
    if (statements.length > 0) await executor.script(client, script, statements);
    // What is deferred to the commit still runs as the script left the session.
    await client.query(`SET CONSTRAINTS ALL IMMEDIATE; ${AS_OURSELVES}; ${ledger.finish(client)}; COMMIT`);
  } catch (error) {
    if (isConnectionLost(error)) throw error;
    await client.query('ROLLBACK');
    if (executor === PLAIN) await keepAttempt(client, script, ledger, error as Failed);
    throw error;
  }
}

/** All of it was taken back, and with it that there was an attempt: written down for those who ask later what failed. */
async function keepAttempt(client: Client, { name }: Script, ledger: Ledger, error: Failed): Promise<void> {
  if (isLockTimeout(error) || !/^[0-9A-Z]{5}$/.test(error.code ?? '')) return;
  try {
    await record(client, () => ledger.attempted(client, writeAttempt(name, error)));
  } catch (cause) {
    if (isConnectionLost(cause)) throw error;
    await client.query('ROLLBACK');
    error.unkept = (cause as Error).message;
  }
}

/** What a file says of its transaction before anything but settings. */
function modesOf(statements: Statement[]): Statement[] {
  const end = statements.findIndex(({ node }) => !node.VariableSetStmt);
  return statements.slice(0, end < 0 ? undefined : end).filter(({ modes }) => modes);
}

/**
 * Each statement commits with its number, so that the next attempt goes on behind the last. A transaction of the file's own
 * counts when it ends.
 */
export async function runInPieces(run: Run): Promise<void> {
  const { client, script, statements, ledger } = run;
  const begun = await ledger.begun(client);
  if (begun === undefined) await record(client, async () => void (await client.query(ledger.start(client))));
  for (const statement of settingsOf(statements.slice(0, begun ?? 0))) {
    await refuseOtherReading(client, statement, script.file);
    await client.query(statement.sql);
  }
  let open: Statement | undefined;
  for (const [i, statement] of statements.entries()) {
    if (i < (begun ?? 0)) continue;
    // Undefined where PostgreSQL refuses the question: it refuses the statement as well then.
    const invalid = statement.concurrent && !open ? await invalidIndexes(client) : undefined;
    try {
      await refuseOtherReading(client, statement, script.file);
      open = await runPiece(run, statement, { open, number: i + 1, resumed: i === begun });
    } catch (thrown) {
      const error = thrown as Failed;
      locate(error, statement, statement);
      if (isConnectionLost(error)) throw error;
      await client.query('ROLLBACK');
      error.effect = await askEffect(run, { open, statement, invalid });
      // A lock that was not free is asked for again; anything else is kept as Prisma keeps it.
      if (!isLockTimeout(error)) await record(client, () => ledger.fail(client, writeAttempt(script.name, error)));
      throw error;
    }
  }
  await record(client, async () => void (await client.query(ledger.finish(client))));
}

async function record(client: Client, work: () => Promise<void>): Promise<void> {
  await client.query(`BEGIN READ WRITE; ${AS_OURSELVES}`);
  await work();
  await client.query('COMMIT');
}

interface Moment {
  /** What began the transaction of the file's own that is open. */
  open: Statement | undefined;
  number: number;
  /** An earlier attempt ended in this very statement, or behind it before that was recorded. */
  resumed: boolean;
}

/** Returns what began the transaction of the file's own that is open afterwards. */
async function runPiece(run: Run, statement: Statement, moment: Moment): Promise<Statement | undefined> {
  const { client, executor, ledger } = run;
  const { open, number } = moment;
  const { transaction } = statement;
  if (transaction === 'commit' && open) {
    // Recorded within it, or a kill behind the COMMIT would run it again.
    await client.query(AS_OURSELVES);
    await ledger.steps(client, number);
    await client.query(statement.sql);
    return statement.chain ? statement : undefined;
  }
  if (transaction === 'begin' || (open && !transaction)) {
    await executor.statement(client, statement);
    return open ?? statement;
  }
  if (statement.alone) {
    if (transaction || !(await isDone(run, statement, moment))) await runAlone(run, statement, moment);
    if (open && statement.chain) return statement;
    await record(client, () => ledger.steps(client, number));
    return undefined;
  }
  await client.query('BEGIN');
  await executor.statement(client, statement);
  await client.query(AS_OURSELVES);
  await ledger.steps(client, number);
  await client.query('COMMIT');
  return undefined;
}

/** SQLSTATE undefined_object, undefined_table, invalid_catalog_name: a kill came after the drop. */
const GONE = new Set(['42704', '42P01', '3D000']);

async function runAlone({ client, executor, concurrentlyWaitMs }: Run, statement: Statement, { resumed }: Moment) {
  const { concurrent, sql } = statement;
  try {
    // It waits for older transactions, and nobody queues behind it meanwhile: it may be patient.
    if (concurrent)
      await client.query(
        `SELECT set_config('drydock.lock_timeout', current_setting('lock_timeout'), false), set_config('lock_timeout', '${Math.round(concurrentlyWaitMs)}', false)`,
      );
    if (statement.transaction) await client.query(sql);
    else await executor.statement(client, statement);
  } catch (thrown) {
    const error = thrown as Failed;
    const drops = statement.node.DropStmt || statement.node.DropdbStmt;
    if (!resumed || !drops || !GONE.has(error.code ?? ''))
      throw Object.assign(error, concurrent && isLockTimeout(error) ? { patient: true } : {});
  }
  if (concurrent)
    await client.query(`SELECT set_config('lock_timeout', current_setting('drydock.lock_timeout'), false)`);
}

/**
 * Whether the index of a CREATE INDEX CONCURRENTLY is there already: an attempt before this one built it and was killed
 * before that was recorded. One that is like it and invalid is dropped, to be built anew; any other is PostgreSQL's to refuse.
 */
async function isDone({ client, lockTimeoutMs }: Run, statement: Statement, { resumed }: Moment): Promise<boolean> {
  const found = statement.builds ? await findIndex(client, statement, { inTransaction: false }) : undefined;
  if (!found?.same) return false;
  if (found.valid) return resumed;
  if (found.building) throw beingBuilt(found);
  await client.query(`SET lock_timeout = ${Math.round(lockTimeoutMs)}`);
  await client.query(`DROP INDEX CONCURRENTLY ${found.name}`);
  return false;
}

function beingBuilt({ name }: Found): OpsError {
  return new OpsError({
    code: 'INDEX_BEING_BUILT',
    message: `Another session is building an index on the table of ${name}, which is not valid yet.`,
    hint: 'Who: SELECT pid, phase FROM pg_stat_progress_create_index; run it again when that has ended.',
    exit: EXIT.locked,
  });
}

/** What is in effect, as the database says it. */
async function askEffect(
  { client, ledger, statements }: Run,
  {
    open,
    statement,
    invalid,
  }: { open: Statement | undefined; statement: Statement; invalid: Map<number, string> | undefined },
): Promise<Effect> {
  const steps = (await ledger.ask(client))?.steps;
  const same = statement.builds ? await findIndex(client, statement, { inTransaction: false }) : undefined;
  const left = invalid ? [...(await invalidIndexes(client))] : [];
  const own = new Set(
    left.filter(([oid, name]) => !invalid?.has(oid) || (same?.same && name === same.name)).map(([, name]) => name),
  );
  return {
    steps,
    rolledBack: open
      ? { from: open.line, to: Math.max(statement.line, ...(statements.length ? [open.line] : [])) }
      : undefined,
    invalid: [...own].map((name) => ({ name, rebuilt: same?.same === true && name === same.name && !same.valid })),
  };
}
