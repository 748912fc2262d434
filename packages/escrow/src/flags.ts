import { command, flag, hint, usageError } from '@drydock/kit';

export const jobFlag = flag.text({ value: 'ID', about: "the job's id, as the database has it" });

/** Flags of tasks that send a transaction. */
export const sendFlags = {
  maxFee: flag.text({ value: 'GWEI', about: 'most to offer per gas (default chain.maxFeeGwei)' }),
  wait: flag.duration({
    about: 'how long one transaction may take before it is replaced (default chain.minedWithinMs)',
  }),
};

export function requireJob(job: string | undefined): string {
  if (job !== undefined) return job;
  throw usageError(
    'USAGE',
    'Say which job: --job ID.',
    hint`It is called as in the database; what is open: ${command('escrow:status')}`,
  );
}
