import {
  type Abi,
  type Address,
  type Chain,
  createPublicClient,
  createWalletClient,
  encodeFunctionData,
  type Hex,
  keccak256,
  TransactionNotFoundError,
  type Transport,
} from 'viem';
import type { PrivateKeyAccount } from 'viem/accounts';

const RECEIPT_TIMEOUT_MS = 60_000;

export interface Call {
  address: Address;
  abi: Abi;
  functionName: string;
  args: unknown[];
  /** Wei. */
  value?: bigint;
}

/** What is known of a call's transaction. It is written down before it is sent, so that a crash never loses it. */
export interface Memo {
  recall(): Promise<Hex | null>;
  remember(hash: Hex): Promise<unknown>;
}

export interface Sender {
  reader: ReturnType<typeof createPublicClient>;
  /** Sends the call and waits for its receipt; one that is under way already is waited for instead. */
  settle(call: Call, memo: Memo): Promise<Hex>;
}

export function createSender(chain: Chain, transport: Transport, account: PrivateKeyAccount): Sender {
  const reader = createPublicClient({ chain, transport, pollingInterval: 100 });
  const wallet = createWalletClient({ chain, transport, account });

  const succeeded = async (hash: Hex): Promise<boolean> =>
    (await reader.waitForTransactionReceipt({ hash, timeout: RECEIPT_TIMEOUT_MS })).status === 'success';

  return {
    reader,
    async settle(call, { recall, remember }) {
      const sent = await recall();
      if (sent && (await isKnown(reader, sent)) && (await succeeded(sent))) return sent;
      // Fails with the contract's own reason before anything is paid for.
      await reader.simulateContract({ ...call, account });
      const { address, value = 0n } = call;
      const request = await wallet.prepareTransactionRequest({ to: address, data: encodeFunctionData(call), value });
      const signed = await wallet.signTransaction(request);
      const hash = keccak256(signed);
      await remember(hash);
      await reader.sendRawTransaction({ serializedTransaction: signed });
      if (!(await succeeded(hash))) throw new Error(`Transaction ${hash} was reverted.`);
      return hash;
    },
  };
}

/** A transaction that was signed and never reached the chain is not known there. */
async function isKnown(reader: Sender['reader'], hash: Hex): Promise<boolean> {
  try {
    await reader.getTransaction({ hash });
    return true;
  } catch (error) {
    if (error instanceof TransactionNotFoundError) return false;
    throw error;
  }
}
