import { command, hint, type Outcome, shownName, type TaskContext, usageError } from '@drydock/kit';
import { escrowSection } from '../config/escrow.ts';
import { rollbackDeed } from '../deeds/rollback.ts';
import { requireJob } from '../flags.ts';
import { rehearseRollback } from '../fork/rehearse.ts';
import { openSession } from '../session.ts';
import { checkedAddress } from '../target.ts';
import { planRollback, requireReason, simulateRollback } from './plan.ts';
import { safeBatch } from './safe.ts';

interface Proposing extends Pick<TaskContext, 'config' | 'env' | 'environment' | 'out' | 'reason'> {
  flags: { job: string | undefined; safe: string | undefined; acceptReleased: boolean; fork: boolean };
}

/** Checks all that a sending run checks, with the multisig as the sender. */
export async function propose(ctx: Proposing): Promise<Outcome> {
  const typed = requireJob(ctx.flags.job);
  requireReason(ctx.reason);
  const variable = escrowSection.of(ctx.config).safe;
  const given = ctx.flags.safe ?? ctx.environment.get(variable);
  if (!given) throw usageError('USAGE', 'Say which multisig: --safe ADDRESS.', `Or set ${variable} for ${ctx.env}.`);
  const safe = await checkedAddress(given, ctx.flags.safe ? '--safe' : variable);
  const session = await openSession(ctx);
  const plan = await planRollback(session, typed, { released: ctx.flags.acceptReleased });
  const { job } = plan;
  const rerun = command('escrow:rollback', { env: ctx.env, job, reason: '…' });
  if (plan.onChain)
    return {
      verdict: `Job ${shownName(job)} is rolled back on chain already; nothing to propose.`,
      data: { ...plan },
      next: rerun,
    };
  await simulateRollback(session, plan, safe);
  if (ctx.flags.fork) ctx.out.line(await rehearseRollback(session, plan, safe));
  const { target } = session;
  const { call } = rollbackDeed(target, job, plan.address as `0x${string}`);
  const batch = safeBatch({
    chainId: target.chain.chainId,
    safe,
    job,
    reason: ctx.reason ?? '',
    to: call.to,
    data: call.data,
    abi: target.abi.escrow,
    functionName: target.escrow.rollback.function,
    now: Date.now(),
  });
  return {
    verdict: `A batch for the Safe ${safe}: ${plan.returned} wei go back to the client. Nothing was sent.`,
    data: { batch: JSON.parse(JSON.stringify(batch)), returned: plan.returned },
    document: JSON.stringify(batch, null, 2),
    next: hint`load it in the Transaction Builder; after it is executed: ${rerun}`,
  };
}
