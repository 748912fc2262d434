import { OpsError } from '@drydock/kit';
import {
  calledFunctions,
  codeInside,
  type InnerCode,
  leavesDatabase,
  namesReaching,
  type Reach,
  reachOf,
  TOUCHED_SERVER,
} from '@drydock/kit/sql';
import type { Client } from 'pg';
import type { ApplyOptions, Executor, MigrationSession } from '../migrations/apply.ts';
import type { Migration } from '../migrations/folder.ts';
import { refuseOtherReading } from '../migrations/reading.ts';
import { PLAIN, type Script } from '../migrations/run.ts';
import { type Node, parseStatements, type Statement } from '../migrations/statements.ts';
import { InnerReader } from '../seen/inner.ts';

/** How a statement, or what it runs, would reach out of its scratch database; the worst of it. */
export function howItReaches({ node }: Pick<Statement, 'node'>, inner: InnerCode): Reach | undefined {
  const nodes = [node, ...inner.nodes];
  const called = calledFunctions(nodes).find(leavesDatabase);
  if (called) return { kind: 'outside', what: `calls ${called}` };
  const hidden = inner.opaque ? inner.texts.map(namesReaching).find(Boolean) : undefined;
  if (hidden) return { kind: 'outside', what: `puts together what it runs, with ${hidden} in it` };
  const reaches = nodes.map(reachOf).filter((reach) => reach !== undefined);
  return reaches.find(({ kind }) => kind === 'outside') ?? reaches.find(({ silent }) => silent) ?? reaches[0];
}

/** Whether the open transaction has changed what all databases share. */
export async function touchesServer(client: Client): Promise<boolean> {
  const { rows } = await client.query<{ touched: string[] }>(TOUCHED_SERVER);
  return (rows[0]?.touched.length ?? 0) > 0;
}

/**
 * Applies a migration to a scratch database without what reaches out of it: that is left out, or was part of a
 * transaction that is taken back. What then finds no role is left out as well. Returns the statements left out.
 */
export async function applyFenced(
  session: MigrationSession,
  migration: Migration,
  options: Pick<ApplyOptions, 'lockTimeoutMs'>,
): Promise<number> {
  // Made anew for each attempt: what was left out of one that was taken back is not left out of the next.
  let fenced: FencedExecutor | undefined;
  const executor = (client: Client) => (fenced = new FencedExecutor(client));
  await session.apply(migration, { lockTimeoutMs: options.lockTimeoutMs, executor });
  return fenced?.leftOut ?? 0;
}

/** SQLSTATE undefined_object: a role that was not made. */
const NO_SUCH_ROLE = '42704';

export class FencedExecutor implements Executor {
  leftOut = 0;
  readonly #inside: InnerReader;

  constructor(client: Client) {
    this.#inside = InnerReader.of(client);
  }

  async script(client: Client, { file }: Script, statements: Statement[]): Promise<void> {
    for (const statement of statements) {
      await refuseOtherReading(client, statement, file);
      await this.#run(client, statement, true);
    }
    await this.#refuseTouched(client);
  }

  async statement(client: Client, statement: Statement): Promise<void> {
    await this.#run(client, statement, !statement.alone);
    if (!statement.alone) await this.#refuseTouched(client);
  }

  async #run(client: Client, statement: Statement, inTransaction: boolean): Promise<void> {
    if (await isGiven(client, statement.node)) return;
    const reach = howItReaches(statement, await this.#inside.read(statement));
    const own = reachOf(statement.node) !== undefined;
    if (reach && (own || reach.kind === 'outside' || reach.silent || !inTransaction)) this.leftOut++;
    else if (reach || (this.leftOut > 0 && inTransaction)) await this.#tryOut(client, statement);
    else await PLAIN.statement(client, statement);
  }

  async #tryOut(client: Client, statement: Statement): Promise<void> {
    await client.query('SAVEPOINT drydock');
    try {
      await PLAIN.statement(client, statement);
    } catch (error) {
      if (this.leftOut === 0 || (error as { code?: string }).code !== NO_SUCH_ROLE) throw error;
      await client.query('ROLLBACK TO drydock');
      this.leftOut++;
      return;
    }
    if (await touchesServer(client)) {
      await client.query('ROLLBACK TO drydock');
      this.leftOut++;
    } else await client.query('RELEASE drydock');
  }

  async #refuseTouched(client: Client): Promise<void> {
    if (await touchesServer(client)) throw serverTouched();
  }
}

/**
 * What another role has put into the copy, since this one may not (`database.scratch`): the file makes it, or says something of it, as
 * if it were its own.
 */
async function isGiven(
  client: Client,
  { CreateExtensionStmt, AlterExtensionStmt, CommentStmt }: Node,
): Promise<boolean> {
  const commented = CommentStmt?.objtype === 'OBJECT_EXTENSION' ? (CommentStmt.object as Node | undefined) : undefined;
  const name = CreateExtensionStmt?.extname ?? AlterExtensionStmt?.extname ?? commented?.String?.sval;
  if (typeof name !== 'string') return false;
  const { rowCount } = await client.query(
    `SELECT 1 FROM pg_extension WHERE extname = $1 AND NOT pg_has_role(extowner, 'USAGE')`,
    [name],
  );
  return rowCount !== 0;
}

/**
 * The text of a migration without the statements that say themselves that they reach out, or make what is given: for Prisma's engine, which runs a
 * text. `client`: in a database that was made as the one it will be run in.
 */
export async function withoutReaching(client: Client, { sql, file }: Migration): Promise<string> {
  const kept: string[] = [];
  const statements = await parseStatements(sql, file);
  for (const statement of statements) {
    const reaches = howItReaches(statement, await codeInside(statement.sql, statement.node));
    if (!reaches && !(await isGiven(client, statement.node))) kept.push(`${statement.sql};\n`);
  }
  return kept.length === statements.length ? sql : kept.join('');
}

/** Thrown before a commit: the transaction is rolled back, and with it what it changed. */
export function serverTouched(): OpsError {
  return new OpsError({
    code: 'SERVER_TOUCHED',
    message: 'It changes what all databases of the server share (roles, settings, databases); that was rolled back.',
  });
}
