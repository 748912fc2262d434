#!/usr/bin/env node
import { defineReadTask, main, shownName } from '@drydock/kit';
import { contractsSection } from '../src/config/chain.ts';
import { jobFlag, requireJob } from '../src/flags.ts';

const task = defineReadTask({
  name: 'escrow:inspect',
  summary:
    'Shows everything about one job: both sides, events, transactions, balances, who may roll back, and what to do.',
  description: 'Reads only. Exit 3 if the two sides differ or it is stuck.',
  examples: [
    'npm run escrow:inspect -- --env production --job 42',
    'npm run escrow:inspect -- --env staging --job 42 --json',
  ],
  flags: { job: jobFlag },
  async run(ctx) {
    const job = requireJob(ctx.flags.job);
    const room = await import('../src/inspect/room.ts');
    const { formatEther, formatGwei, inspect, inspectionJson, isPayable, nextFor, openSession, printInspection } = room;
    const session = await openSession(ctx);
    const found = await inspect(session, job);
    const { abi, escrow } = session.target;
    printInspection(ctx.out, found, {
      formatEther,
      formatGwei,
      isEther: isPayable(abi.factory, escrow.create.function),
      startBlock: contractsSection.of(ctx.config)?.startBlock ?? 0,
    });
    const { why, command } = nextFor(ctx.env, found);
    const { verdict, why: differ } = found.judgement;
    return {
      verdict: `Job ${shownName(job)} of ${ctx.env}: ${verdict}${differ ? ` (${differ})` : ''}. ${why}`,
      ok: !['stuck', 'orphaned', 'drifted'].includes(verdict),
      data: inspectionJson(found),
      ...(command ? { next: command } : {}),
    };
  },
});

export default task;
await main(task, import.meta);
