#!/usr/bin/env node
import { command, defineChangeTask, type Finding, flag, main } from '@drydock/kit';
import { contractsSection } from '../src/config/chain.ts';
import { sendFlags } from '../src/flags.ts';
import { lazily } from '../src/lazily.ts';
import type { Confirmed } from '../src/send/deed.ts';
import { NonceLine } from '../src/send/nonce-line.ts';
import type { SweepPlan } from '../src/sweep/plan.ts';
import { sweepSteps } from '../src/sweep/steps.ts';

const LIMIT = 20;
const room = lazily(() => import('../src/sweep/room.ts'));

const task = defineChangeTask({
  name: 'escrow:sweep',
  summary: 'Retries all jobs whose escrow is stuck, the oldest first, in one nonce line.',
  description:
    'For each what escrow:retry does. A job whose escrow the contract refuses is left and told; whatever else goes wrong stops the sweep,\n' +
    'which goes on with --resume. Exit 3 if a job was left.',
  examples: [
    'npm run escrow:sweep -- --env staging --plan',
    'npm run escrow:sweep -- --env staging --older-than 30m --limit 5',
  ],
  flags: {
    olderThan: flag.duration({ about: 'pending for longer than this (default escrow.stuckAfterMs)' }),
    limit: flag.integer({ about: `how many at most (default ${LIMIT})`, min: 1, max: 500 }),
    ...sendFlags,
  },
  lock: 'environment',
  // Which transactions were signed and sent.
  remembered: true,
  onFailure: 'keep',
  resumesFailed: true,
  async plan(ctx): Promise<SweepPlan> {
    const { capOf, openSession, planSweep } = await room();
    // Refused here too where nothing is stuck.
    capOf(ctx.flags.maxFee, 0);
    return planSweep(await openSession(ctx), { limit: ctx.flags.limit ?? LIMIT, stuckAfterMs: ctx.flags.olderThan });
  },
  describe: ({ lines }) => lines,
  steps(ctx, { jobs }) {
    const session = lazily(async () => (await room()).openSession(ctx));
    const sending = lazily(async () => (await room()).openSending(await session(), ctx, ctx.flags));
    const line = new NonceLine();
    return sweepSteps(jobs, ({ order, address }) => ({
      room,
      session,
      actor: lazily(async () => {
        const { createActor, createDeed } = await room();
        return createActor(await sending(), createDeed((await session()).target, order, address as `0x${string}`));
      }),
      line,
      replacements: contractsSection.of(ctx.config)?.replacements ?? 0,
      carryOn: true,
    }));
  },
  outcome({ env }, plan, results, { deeds }) {
    const made = plan.jobs.flatMap((job, i) => {
      const deed = deeds[i];
      return deed ? [{ ...job, ...deed.confirmed(results) }] : [];
    });
    const done = made.filter(({ state }) => state === 'done');
    const findings = [...plan.left.map(leftFinding), ...made.flatMap(refusedFinding)];
    return {
      verdict:
        plan.jobs.length + plan.left.length === 0
          ? `No job of ${env} is stuck.`
          : `${done.length} of ${plan.jobs.length + plan.left.length} stuck jobs of ${env} have their escrow${plan.more > 0 ? `; ${plan.more} more wait for the next sweep` : ''}.`,
      ok: findings.length === 0,
      data: {
        made: done.map(({ job, address, hash, block }) => ({ job, address, hash, block })),
        left: plan.left,
        more: plan.more,
      },
      findings,
      ...(plan.more > 0 ? { next: command('escrow:sweep', { env }) } : {}),
    };
  },
});

function leftFinding({ job, code, message }: SweepPlan['left'][number]): Finding {
  return { level: 'error', code, message, hint: command('escrow:inspect', { job }) };
}

function refusedFinding({ job, state, why, code = 'WOULD_REVERT' }: Confirmed & { job: string }): Finding[] {
  return state === 'refused' ? [leftFinding({ job, code, message: why ?? '' })] : [];
}

export default task;
await main(task, import.meta);
