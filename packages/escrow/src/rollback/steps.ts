import { command, defineStep, OpsError, type Step, type StepNode } from '@drydock/kit';
import type { Confirmed } from '../send/deed.ts';
import { type DeedPlan, type DeedSteps, deedSteps } from '../send/steps.ts';
import type { Session } from '../session.ts';
import { EVENT } from './event.ts';
import type { RollbackPlan } from './plan.ts';

export interface RollbackSteps extends DeedPlan {
  session(): Promise<Session>;
  /** What the steps after the chain need, loaded once one comes to it. */
  room(): Promise<Room>;
  reason: string | undefined;
}

type Room = Pick<typeof import('./flags.ts'), 'amountsOf' | 'clearFlags'> &
  Pick<typeof import('../jobs/read.ts'), 'readJob'> &
  Pick<typeof import('../deeds/rollback.ts'), 'findRollback'>;

/** Chain → flags → event. Each asks the world before it acts, so that a run killed anywhere is run again. */
export function rollbackSteps(
  plan: RollbackPlan,
  steps: RollbackSteps,
): { nodes: StepNode[]; deed: DeedSteps; event: Step<Event> } {
  const deed = deedSteps(steps);
  const event = defineStep<Event>({
    name: 'event',
    async run({ results, audit }) {
      const metadata = await metadataOf(steps, plan, deed.confirmed(results));
      await audit(EVENT, metadata, `rollback-${plan.job}`);
      return metadata;
    },
  });
  const nodes = [
    ...deed.first,
    ...deed.rest,
    defineStep({
      name: 'flags',
      async run() {
        const { clearFlags } = await steps.room();
        await clearFlags(await steps.session(), plan.job);
        return { pending: false, deployed: false };
      },
      async verify() {
        const { target } = await steps.session();
        const { readJob } = await steps.room();
        const { pending, deployed } = await readJob(target, plan.job);
        if (!pending && !deployed) return;
        throw new OpsError({
          code: 'FLAGS_DIFFER',
          message: 'The flags were cleared, and the database does not say so: something else writes them too.',
          hint: command('escrow:inspect', { job: plan.job }),
        });
      },
    }),
    event,
  ];
  return { nodes, deed, event };
}

type Event = Awaited<ReturnType<typeof metadataOf>>;

/** What the runbook wants of the event; who did it on the chain stands in the contract's own. */
async function metadataOf(steps: RollbackSteps, plan: RollbackPlan, { hash, block }: Confirmed) {
  const { amountsOf, findRollback } = await steps.room();
  const session = await steps.session();
  const seen = await findRollback(session.target, session.reader, plan.address as `0x${string}`);
  const amount = Object.values(seen?.args ?? {}).findLast((value) => typeof value === 'bigint') as bigint | undefined;
  return {
    job: plan.job,
    address: plan.address,
    tx: hash ?? seen?.hash ?? null,
    block: block ?? (seen ? String(seen.block) : null),
    amounts: await amountsOf(session, plan, amount),
    by: (Object.values(seen?.args ?? {}).find((value) => typeof value === 'string') as string | undefined) ?? null,
    reason: steps.reason ?? null,
  };
}
