#!/usr/bin/env node
import { command, defineChangeTask, flag, main, type StepNode, shownName } from '@drydock/kit';
import { contractsSection } from '../src/config/chain.ts';
import { jobFlag, requireJob, sendFlags } from '../src/flags.ts';
import { lazily } from '../src/lazily.ts';
import type { RollbackPlan } from '../src/rollback/plan.ts';
import { rollbackSteps } from '../src/rollback/steps.ts';
import { NonceLine } from '../src/send/nonce-line.ts';

const room = lazily(() => import('../src/rollback/room.ts'));

const flags = {
  job: jobFlag,
  acceptReleased: flag.boolean({ about: 'return the rest although milestones are released already' }),
  propose: flag.choice(['safe'], { about: 'print a batch for the admin multisig instead of sending' }),
  safe: flag.text({ value: 'ADDRESS', about: 'the multisig (default: the variable of escrow.safe)' }),
  fork: flag.boolean({ about: 'rehearse on a fork of the live chain first' }),
  ...sendFlags,
};

const task = defineChangeTask({
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
  // Which transactions were signed and sent.
  remembered: true,
  onFailure: 'keep',
  resumesFailed: true,
  destructive: true,
  writesDocument: ({ propose }) => propose !== undefined,
  look: (ctx) => (ctx.flags.propose ? room().then(({ propose }) => propose(ctx)) : undefined),
  refuseFlags: ({ flags }) => void requireJob(flags.job),
  async plan(ctx): Promise<RollbackPlan> {
    const job = requireJob(ctx.flags.job);
    const { openSending, openSession, planRollback, rehearseRollback, requireReason, simulateRollback } = await room();
    requireReason(ctx.reason);
    const session = await openSession(ctx);
    const plan = await planRollback(session, job, { released: ctx.flags.acceptReleased });
    if (plan.onChain) return plan;
    const { account } = await openSending(session, ctx, ctx.flags);
    await simulateRollback(session, plan, account.address);
    if (!ctx.flags.fork) return plan;
    return { ...plan, lines: [await rehearseRollback(session, plan, account.address), ...plan.lines] };
  },
  describe: ({ lines, settled }) => (settled ? [] : lines),
  steps(ctx, plan): Partial<ReturnType<typeof rollbackSteps>> & { nodes: StepNode[] } {
    if (plan.settled) return { nodes: [] };
    const session = lazily(async () => (await room()).openSession(ctx));
    const actor = lazily(async () => {
      const { createActor, openSending, rollbackDeed } = await room();
      const opened = await session();
      const unreleased = plan.onChain ? undefined : BigInt(plan.returned);
      const deed = rollbackDeed(opened.target, plan.job, plan.address as `0x${string}`, unreleased);
      // A multisig did it: whoever finishes the database needs no key.
      return createActor(await openSending(opened, ctx, ctx.flags, { keyless: plan.onChain }), deed);
    });
    return rollbackSteps(plan, {
      room,
      session,
      actor,
      line: new NonceLine(),
      replacements: contractsSection.of(ctx.config)?.replacements ?? 0,
      carryOn: false,
      reason: ctx.reason,
    });
  },
  outcome({ env }, { job, address }, results, { deed, event }) {
    if (!deed || !event)
      return {
        verdict: `Job ${shownName(job)} of ${env} is rolled back, on chain, in the database and in the audit log; nothing to do.`,
        data: { job, address },
      };
    const { hash, block } = deed.confirmed(results);
    const { amounts } = results.of(event);
    return {
      verdict: `Job ${shownName(job)} of ${env} is rolled back: ${amounts.returned ?? 'an unknown number of'} wei went back to the client${hash ? `, by transaction ${hash}` : ''}.`,
      data: { job, address, hash, block, amounts },
      next: command('ops:log', { env, event: 'escrow.rollback' }),
    };
  },
});

export default task;
await main(task, import.meta);
