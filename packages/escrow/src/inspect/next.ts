import { type Command, command } from '@drydock/kit';
import type { Inspection } from './read.ts';

/** What to type next, and why. */
export function nextFor(
  env: string,
  { row, judgement, escrow, transactions }: Inspection,
): { why: string; command?: Command } {
  const job = row.id;
  const retry = command('escrow:retry', { env, job, plan: true });
  const waiting = transactions.find(({ state }) => state === 'pending');
  if (judgement.verdict === 'stuck' || judgement.verdict === 'pending') {
    if (waiting)
      return {
        why: `Transaction ${waiting.hash} waits in the mempool${waiting.note ? ` (${waiting.note})` : ''}.`,
        command: retry,
      };
    return judgement.verdict === 'stuck'
      ? { why: 'Nothing is under way for it.', command: retry }
      : { why: 'It is younger than the threshold: the product may still be at it.' };
  }
  if (judgement.verdict === 'orphaned' && row.pending && judgement.truth)
    return { why: 'The escrow is there: adopt it.', command: retry };
  if (judgement.truth)
    return {
      why: "The database can be set to the chain's truth.",
      command: command('escrow:reconcile', { env, fix: true, plan: true }),
    };
  if (judgement.verdict === 'drifted' || judgement.verdict === 'orphaned')
    return { why: `A person must decide: ${judgement.why ?? judgement.state}.` };
  if (judgement.verdict === 'rolled-back') return { why: 'It is over: rolled back on both sides.' };
  if (escrow.exists && escrow.unreleased > 0n)
    return {
      why: 'Both sides agree. To return what is unreleased:',
      command: command('escrow:rollback', { env, job, reason: '…', plan: true }),
    };
  return { why: 'Both sides agree; there is nothing to do.' };
}
