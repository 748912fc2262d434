import { defineChangeTask, flag, type Outcome, type TaskContext, usageError } from '@drydock/kit';
import { shown } from '../jobs/shown.ts';
import { lazily } from '../lazily.ts';
import type { RollbackPlan } from '../rollback/plan.ts';
import { rollbackSteps } from '../rollback/steps.ts';
import { NonceLine } from '../send/nonce-line.ts';
import { confirmedOf } from '../send/steps.ts';
import { jobFlag, requireJob, sendFlags } from './flags.ts';

const flags = {
  job: jobFlag,
  acceptReleased: flag.boolean({ about: 'return the rest although milestones are released already' }),
  propose: flag.choice(['safe'], { about: 'print a batch for the admin multisig instead of sending' }),
  safe: flag.text({ value: 'ADDRESS', about: 'the multisig (default: the variable of escrow.safe)' }),
  fork: flag.boolean({ about: 'rehearse on a fork of the live chain first' }),
  ...sendFlags,
};

export const rollbackTask = defineChangeTask({
  name: 'escrow:rollback',
  summary: 'Returns what is unreleased to the client, clears the flags, and writes the event escrow.rollback.',
  description:
    'Identifies both states and refuses what cannot be: a job without an escrow, milestones that are paid (with the amounts), an account\n' +
    'without the admin role. Simulated, sent once, waited for, then escrowDeployed=false and escrowPending=false, then the event. Killed\n' +
    "anywhere, run again it finishes. --propose safe prints a JSON for Safe's Transaction Builder and changes nothing; once the owners\n" +
    'have executed it, the same command without it finishes database and event.',
  examples: [
    'npm run escrow:rollback -- --env staging --job 42 --reason "client asked" --plan --fork',
    'npm run escrow:rollback -- --env production --job 42 --reason "ticket 7" --yes --confirm production',
    'npm run -s escrow:rollback -- --env production --job 42 --reason "ticket 7" --propose safe > batch.json',
  ],
  flags,
  lock: 'environment',
  onFailure: 'keep',
  destructive: true,
  writesDocument: ({ propose }) => propose !== undefined,
  look: (ctx) => (ctx.flags.propose ? propose(ctx) : undefined),
  async plan(ctx): Promise<RollbackPlan> {
    const job = requireJob('escrow:rollback', ctx.flags.job);
    const { planRollback, requireReason, simulateRollback } = await import('../rollback/plan.ts');
    requireReason(ctx.reason);
    const { openSending, openSession } = await import('../session.ts');
    const session = await openSession(ctx);
    const plan = await planRollback(session, job, { released: ctx.flags.acceptReleased });
    if (plan.onChain) return plan;
    const { account } = await openSending(session, ctx, ctx.flags);
    await simulateRollback(session, plan, account.address);
    if (!ctx.flags.fork) return plan;
    const { rehearseRollback } = await import('../fork/rehearse.ts');
    return { ...plan, lines: [await rehearseRollback(session, plan, account.address), ...plan.lines] };
  },
  describe: ({ lines, settled }) => (settled ? [] : lines),
  steps(ctx, plan) {
    if (plan.settled) return [];
    const session = lazily(async () => (await import('../session.ts')).openSession(ctx));
    const actor = lazily(async () => {
      const { openSending } = await import('../session.ts');
      const { createActor } = await import('../send/actor.ts');
      const { rollbackDeed } = await import('../deeds/rollback.ts');
      const opened = await session();
      const unreleased = plan.onChain ? undefined : BigInt(plan.returned);
      const deed = rollbackDeed(opened.target, plan.job, plan.address as `0x${string}`, unreleased);
      // A multisig did it: whoever finishes the database needs no key.
      return createActor(await openSending(opened, ctx, ctx.flags, { keyless: plan.onChain }), deed);
    });
    return rollbackSteps(plan, {
      session,
      actor,
      line: new NonceLine(),
      replacements: ctx.config.chain?.replacements ?? 0,
      carryOn: false,
      reason: ctx.reason,
    });
  },
  outcome({ env }, plan, results) {
    const { job, address, settled } = plan;
    if (settled)
      return {
        verdict: `Job ${shown(job)} of ${env} is rolled back, on chain, in the database and in the audit log; nothing to do.`,
        data: { job, address },
      };
    const { hash, block } = confirmedOf(results);
    const { amounts } = results.get<{ amounts: { returned: string | null; released: string | null } }>('event');
    return {
      verdict: `Job ${shown(job)} of ${env} is rolled back: ${amounts.returned ?? 'an unknown number of'} wei went back to the client${hash ? `, by transaction ${hash}` : ''}.`,
      data: { job, address, hash, block, amounts },
      next: `npm run ops:log -- --env ${env} --event escrow.rollback`,
    };
  },
});

/** Checks all that a sending run checks, with the multisig as the sender. */
async function propose(ctx: TaskContext<typeof flags>): Promise<Outcome> {
  const typed = requireJob('escrow:rollback', ctx.flags.job);
  const { planRollback, requireReason, simulateRollback } = await import('../rollback/plan.ts');
  requireReason(ctx.reason);
  const { openSession } = await import('../session.ts');
  const { checkedAddress } = await import('../target.ts');
  const { safeBatch } = await import('../rollback/safe.ts');
  const { rollbackDeed } = await import('../deeds/rollback.ts');
  const variable = ctx.config.escrow.safe;
  const given = ctx.flags.safe ?? ctx.environment.get(variable);
  if (!given) throw usageError('USAGE', 'Say which multisig: --safe ADDRESS.', `Or set ${variable} for ${ctx.env}.`);
  const safe = await checkedAddress(given, ctx.flags.safe ? '--safe' : variable);
  const session = await openSession(ctx);
  const plan = await planRollback(session, typed, { released: ctx.flags.acceptReleased });
  const { job } = plan;
  const rerun = `npm run escrow:rollback -- --env ${ctx.env} --job ${shown(job)} --reason "…"`;
  if (plan.onChain)
    return {
      verdict: `Job ${shown(job)} is rolled back on chain already; nothing to propose.`,
      data: { ...plan },
      next: rerun,
    };
  await simulateRollback(session, plan, safe);
  if (ctx.flags.fork) ctx.out.line(await (await import('../fork/rehearse.ts')).rehearseRollback(session, plan, safe));
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
    next: `load it in the Transaction Builder; after it is executed: ${rerun}`,
  };
}
