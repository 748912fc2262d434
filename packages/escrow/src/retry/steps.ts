import { defineStep, type StepResults } from '@drydock/kit';
import { type DeedPlan, type DeedSteps, deedSteps } from '../send/steps.ts';
import type { Session } from '../session.ts';

export interface RetryJob {
  job: string;
  address: string;
}

export interface RetrySteps extends DeedPlan {
  session(): Promise<Session>;
  /** What adopts an escrow, loaded once a step comes to it. */
  room(): Promise<Pick<typeof import('./adopt.ts'), 'adopt' | 'verifyAdopted'>>;
}

/** Chain, then database, for one job. */
export function retrySteps({ job, address }: RetryJob, steps: RetrySteps): DeedSteps {
  const { first, rest, confirmed } = deedSteps(steps);
  const made = (results: StepResults) => ({ address, txHash: confirmed(results).hash });
  return {
    first,
    confirmed,
    rest: [
      ...rest,
      defineStep({
        name: `${steps.name ?? ''}database`,
        async run({ results }) {
          if (confirmed(results).state === 'refused') return { written: false };
          const { adopt } = await steps.room();
          await adopt(await steps.session(), job, made(results));
          return { written: true };
        },
        async verify({ results }) {
          if (confirmed(results).state === 'refused') return;
          const { verifyAdopted } = await steps.room();
          await verifyAdopted(await steps.session(), job, made(results));
        },
      }),
    ],
  };
}
