import { type Finding, OpsError } from '@drydock/kit';
import { codeInside, type InnerCode, type Reach, reachOf } from '@drydock/kit/sql';
import type { Migration } from '../migrations/folder.ts';
import { parseStatements, type Statement } from '../migrations/statements.ts';

/** Decides what of the pending migrations is run on the copy, and tells what is not. */
export class Gate {
  readonly findings: Finding[] = [];
  /** Migrations with a statement that was not run. */
  readonly leftOut = new Set<string>();
  /** Whether it runs as a role that reaches nothing outside of the copy. */
  safeRole = false;
  #server = new Set<string>();
  /** Functions of the migrations that put together what they run. */
  #opaque = new Set<string>();
  /** One of those is hung on a table: a change of rows may run it. */
  #hung = false;

  /** Whether a statement is run. Throws NEEDS_ROLE where it would only be by a role that can do no harm. */
  lets(migration: Migration, statement: Statement, inner: InnerCode, reach: Reach | undefined): boolean {
    if (reach?.kind === 'outside') {
      this.leftOut.add(migration.name);
      this.#tell(migration, statement.line, 'error', 'REACHES_OUT', {
        message: `${reach.what}, which reaches out of the copy and is not taken back: it was not run`,
        hint: 'If it is wanted, take it on: --accept REACHES_OUT. What it does on the target is not rehearsed.',
      });
      return false;
    }
    // A function that the target has already does there what it does; to hang it on a table is not to run it.
    const hangs = statement.node.CreateTrigStmt !== undefined;
    const runs = !hangs && (inner.opaque || this.#names(statement) || (this.#hung && changesRows(statement, inner)));
    if (!this.safeRole && runs) throw needsRole(migration, statement);
    this.#hung ||= hangs && this.#names(statement);
    if (reach) this.#changes(migration, statement, reach);
    return true;
  }

  /** A function that puts together what it runs may be made; what names it afterwards wants the role. */
  async made({ sql, node }: Statement): Promise<void> {
    const name = ((node.CreateFunctionStmt?.funcname ?? []) as { String?: { sval?: string } }[]).at(-1)?.String?.sval;
    if (name && (await codeInside(sql, node)).opaque) this.#opaque.add(name);
  }

  #names({ sql, node }: Statement): boolean {
    return !node.CreateFunctionStmt && [...this.#opaque].some((name) => sql.includes(name));
  }

  #changes(migration: Migration, statement: Statement, reach: Reach): void {
    // Inside a DO block it may be in a branch that is not taken: then the transaction tells.
    if (reachOf(statement.node) || reach.silent) this.#server.add(migration.name);
    this.#tell(migration, statement.line, 'warn', 'CHANGES_SERVER', {
      message: `${reach.what}, for all databases of the server: it was tried in a transaction that was taken back`,
      hint: 'What it does stays when the migration is undone or the database is dropped, and another database may have it already.',
    });
  }

  /** Whether the migration has changed, by its own words, what all databases share. */
  touched(name: string): boolean {
    return this.#server.has(name);
  }

  #tell(
    { name, file }: Migration,
    line: number,
    level: Finding['level'],
    code: string,
    { message, hint }: { message: string; hint: string },
  ): void {
    const said = `${name}:${line} ${message}.`;
    if (this.findings.some((found) => found.message === said)) return;
    this.findings.push({ level, code, message: said, hint, file, line });
  }
}

/** Whatever table it is: rows of another may follow by a foreign key. */
function changesRows({ node }: Statement, { nodes }: InnerCode): boolean {
  return /"(Insert|Update|Delete|Merge|Copy|Truncate)Stmt":/.test(JSON.stringify([node, nodes]));
}

/** Asked before anything of it is run: in pieces, what was run stays. */
export async function putsTogether({ sql, file }: Migration): Promise<boolean> {
  if (!/\bdo\b/i.test(sql)) return false;
  for (const { sql: text, node } of await parseStatements(sql, file))
    if (node.DoStmt && (await codeInside(text, node)).opaque) return true;
  return false;
}

function needsRole({ name }: Migration, { line }: Statement): OpsError {
  return new OpsError({
    code: 'NEEDS_ROLE',
    message: `${name}:${line} runs what it puts together, and what that is cannot be told beforehand.`,
  });
}
