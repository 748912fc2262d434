import { command, OpsError } from '@drydock/kit';
import { type Address, formatEther, getAddress } from 'viem';
import type { Reader } from '../chain/client.ts';
import { chainError } from '../chain/errors.ts';
import { readEscrow } from '../chain/escrow-state.ts';
import { pin } from '../chain/head.ts';
import { rollbackDeed } from '../deeds/rollback.ts';
import type { RollbackPlan } from '../rollback/plan.ts';
import type { Session } from '../session.ts';
import { type Fork, withFork } from './chain.ts';

/** Does it all on a fork of the live chain, as the admin, and looks at what came of it. Returns a line for a person. */
export async function rehearseRollback(
  { target, reader }: Session,
  plan: RollbackPlan,
  admin: Address,
): Promise<string> {
  const { number } = await pin(target, reader);
  const address = plan.address as Address;
  try {
    return await withFork(target, number, async (fork) => {
      const client = await clientOf(fork, target.abi.escrow, address);
      const before = client && (await fork.getBalance({ address: client }));
      await fork.setBalance({ address: admin, value: 10n ** 19n });
      const { call } = rollbackDeed(target, plan.job, address);
      const hash = await fork.sendTransaction({ account: admin, chain: null, ...call });
      const receipt = await fork.waitForTransactionReceipt({ hash });
      const after = await readEscrow(target, fork as unknown as Reader, address, receipt.blockNumber);
      if (receipt.status !== 'success' || !after.rolledBack) throw failed(plan);
      const got = client && before !== undefined ? (await fork.getBalance({ address: client })) - before : undefined;
      return `on a fork of block ${number}: rolled back with ${receipt.gasUsed} gas${got === undefined ? '' : `, and ${client} got ${got} wei (${formatEther(got)} ETH)`}`;
    });
  } catch (cause) {
    throw chainError(target, 'The rollback cannot be rehearsed on a fork', cause);
  }
}

/** Who is paid, where the contract says so. */
async function clientOf(
  fork: Fork,
  abi: Session['target']['abi']['escrow'],
  address: Address,
): Promise<Address | undefined> {
  const known = abi.some((item) => item.type === 'function' && item.name === 'client' && item.inputs.length === 0);
  if (!known) return undefined;
  return getAddress((await fork.readContract({ address, abi, functionName: 'client' })) as string);
}

function failed(plan: RollbackPlan): OpsError {
  return new OpsError({
    code: 'REHEARSAL_FAILED',
    message: `On a fork of the chain the rollback of job ${plan.job} did not take; nothing was sent to the chain itself.`,
    hint: command('escrow:inspect', { job: plan.job }),
  });
}
