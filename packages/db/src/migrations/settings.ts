import { calledFunctions } from '@drydock/kit/sql';
import type { Statement } from './statements.ts';

/**
 * Of statements that an earlier attempt ran, those that set its session and nothing else: it is gone, and with it the schema, the
 * role and the modes that the rest of the file counts on. What a transaction of the file's own took back is left out.
 */
export function settingsOf(statements: Statement[]): Statement[] {
  let kept: Statement[] = [];
  let atBegin: Statement[] | undefined;
  for (const statement of statements) {
    const { transaction, chain } = statement;
    if (transaction === 'begin') atBegin ??= kept;
    else if (transaction) {
      if (transaction === 'rollback') kept = atBegin ?? kept;
      atBegin = chain ? kept : undefined;
    } else if (sets(statement)) kept = [...kept, statement];
  }
  return kept;
}

function sets({ node: { VariableSetStmt: set, SelectStmt: select, DiscardStmt }, node }: Statement): boolean {
  if (set) return !set.is_local && set.kind !== 'VAR_SET_MULTI';
  const called = select && !select.fromClause ? calledFunctions(node) : [];
  return Boolean(DiscardStmt) || (called.length > 0 && called.every((name) => name === 'set_config'));
}
