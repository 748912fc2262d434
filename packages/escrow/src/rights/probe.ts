import { usageError } from '@drydock/kit';
import {
  type Abi,
  type AbiFunction,
  type Address,
  encodeFunctionData,
  keccak256,
  parseAbiItem,
  slice,
  stringToBytes,
} from 'viem';
import type { Reader } from '../chain/client.ts';
import { chainError } from '../chain/errors.ts';
import { revertOf } from '../chain/revert.ts';
import { ACCESS_CONTROL, type Right } from '../deeds/role.ts';
import type { Session } from '../session.ts';

/** A call that needs a role, tried and never sent. `{address}` among its arguments is the account that calls. */
export interface Probe {
  contract: Address;
  /** `mint(address to, string jobId)`. */
  function: string;
  args: readonly unknown[];
}

/** Has no role anywhere: what a contract answers to it, it answers to whoever may not. */
const STRANGER = slice(keccak256(stringToBytes('drydock: somebody without a role')), 12);

/** Who may give the admin role may do all that it opens: every contract with roles can be asked that. */
export function adminProbe({ contract, hash, twoSteps }: Right): Probe {
  // Under these rules nobody may grant the admin role; whoever has it may begin to hand it over.
  if (twoSteps) return { contract, function: 'beginDefaultAdminTransfer(address newAdmin)', args: ['{address}'] };
  return { contract, function: 'grantRole(bytes32 role, address account)', args: [hash, '{address}'] };
}

/** Whether the contract lets an account do what it does not let everybody do: the two are answered differently. */
export async function isLetThrough({ target, reader }: Session, probe: Probe, account: Address): Promise<boolean> {
  const abis = [ACCESS_CONTROL as Abi, target.abi.factory, target.abi.escrow];
  const [own, strangers] = await Promise.all(
    [account, STRANGER].map((one) =>
      answerTo(reader, probe, one, abis).catch((cause) => {
        throw chainError(target, `${probe.function} of ${probe.contract} cannot be tried`, cause);
      }),
    ),
  );
  if (strangers === DONE)
    throw usageError(
      'PROBE_PROVES_NOTHING',
      `${probe.function} of ${probe.contract} is open to everybody, and so proves no role.`,
      "Name a function that needs a role in the secret's `contracts`.",
    );
  return own !== strangers;
}

const DONE = 'done';

async function answerTo(reader: Reader, probe: Probe, account: Address, abis: Abi[]): Promise<string> {
  try {
    await reader.call({ account, to: probe.contract, data: dataOf(probe, account) });
    return DONE;
  } catch (cause) {
    const reason = revertOf(cause, abis);
    if (reason === undefined) throw cause;
    const bare = account.slice(2).toLowerCase();
    return reason.toLowerCase().replaceAll(bare, 'account');
  }
}

function dataOf({ function: signature, args }: Probe, account: Address) {
  let item: AbiFunction;
  try {
    item = parseAbiItem(`function ${signature}`) as AbiFunction;
    const given = args.map((one) => (one === '{address}' ? account : one));
    return encodeFunctionData({ abi: [item], functionName: item.name, args: given });
  } catch (cause) {
    throw usageError(
      'PROBE_MALFORMED',
      `${JSON.stringify(signature)} with ${args.length} arguments is no call that can be tried: ${(cause as { shortMessage?: string }).shortMessage ?? (cause as Error).message}`,
      "Write it as the contract has it, such as 'mint(address to, string jobId)'.",
    );
  }
}
