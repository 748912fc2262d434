#!/usr/bin/env node
import { command, defineChangeTask, main, shownName } from '@drydock/kit';
import { contractsSection } from '../src/config/chain.ts';
import { jobFlag, requireJob, sendFlags } from '../src/flags.ts';
import { lazily } from '../src/lazily.ts';
import type { RetryPlan } from '../src/retry/plan.ts';
import { retrySteps } from '../src/retry/steps.ts';
import { NonceLine } from '../src/send/nonce-line.ts';

const room = lazily(() => import('../src/retry/room.ts'));

const task = defineChangeTask({
  name: 'escrow:retry',
  summary: 'Makes the escrow of one job that is stuck, exactly once, whoever tried before.',
  description:
    'Asks the chain first: an escrow that is there is adopted. Then the mempool: a transaction that still waits is replaced at the same\n' +
    'nonce with 12.5 % more, up to --max-fee; one that no node shows keeps its nonce too. Simulated before it is signed, waited for until it is\n' +
    'confirmed, and only then written into the database. The salt is the job: there cannot be a second escrow.',
  examples: [
    'npm run escrow:retry -- --env staging --job 42 --plan',
    'npm run escrow:retry -- --env production --job 42 --max-fee 120 --yes --confirm production --reason "stuck since 14:00"',
  ],
  flags: { job: jobFlag, ...sendFlags },
  lock: 'environment',
  // Which transactions were signed and sent.
  remembered: true,
  onFailure: 'keep',
  resumesFailed: true,
  refuseFlags: ({ flags }) => void requireJob(flags.job),
  async plan(ctx): Promise<RetryPlan> {
    const job = requireJob(ctx.flags.job);
    const { openSending, openSession, planRetry } = await room();
    const session = await openSession(ctx);
    return planRetry(session, await openSending(session, ctx, ctx.flags), job);
  },
  describe: ({ lines }) => lines,
  steps(ctx, plan) {
    if (plan.settled) return { nodes: [], deed: undefined };
    const session = lazily(async () => (await room()).openSession(ctx));
    const actor = lazily(async () => {
      const { createActor, createDeed, openSending } = await room();
      const opened = await session();
      const deed = createDeed(opened.target, plan.order, plan.address as `0x${string}`);
      return createActor(await openSending(opened, ctx, ctx.flags), deed);
    });
    const deed = retrySteps(plan, {
      room,
      session,
      actor,
      line: new NonceLine(),
      replacements: contractsSection.of(ctx.config)?.replacements ?? 0,
      carryOn: false,
    });
    return { nodes: [...deed.first, ...deed.rest], deed };
  },
  outcome({ env }, { job, address }, results, { deed }) {
    if (!deed)
      return {
        verdict: `Job ${shownName(job)} of ${env} has its escrow at ${address}; nothing to do.`,
        data: { job, address },
      };
    const { hash, block } = deed.confirmed(results);
    return {
      verdict: `Job ${shownName(job)} of ${env} has its escrow at ${address}${hash ? `, by transaction ${hash}` : ''}.`,
      data: { job, address, hash, block },
      next: command('escrow:inspect', { env, job }),
    };
  },
});

export default task;
await main(task, import.meta);
