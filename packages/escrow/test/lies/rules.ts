// What RPCs were seen to say that is not so; each turns a proxy in front of anvil into one that does it.
import type { Answer, RpcProxy, RpcRequest, Rule } from '../rpc-proxy.ts';

const NO_METHOD = { error: { code: -32601, message: 'the method does not exist' } };
type Block = { number: string; hash: string; parentHash: string };
type Mined = { blockNumber: string | null };

/** The words in which clients say that they have a transaction already. */
export const KNOWN_ALREADY = [
  'already known',
  'AlreadyKnown',
  'Known transaction',
  'known transaction: 8f6f0c1a',
  'Transaction with the same hash was already imported.',
  'transaction already imported',
  'tx already exists in cache',
  'already exists in mempool',
];

/** First the given rules, in order; what none of them answers is passed on. */
export const allOf =
  (...rules: Rule[]): Rule =>
  async (request) => {
    for (const rule of rules) {
      const answer = await rule(request);
      if (answer !== 'pass') return answer;
    }
    return 'pass';
  };

/** A transaction that waits is shown to nobody, and still counted. The same bytes again: `again`, or accepted. */
export function hiddenMempool(again?: string): Rule {
  const handed = new Set<unknown>();
  return ({ method, params }) => {
    if (method.startsWith('txpool_')) return NO_METHOD;
    if (method === 'eth_getTransactionByHash')
      return { edit: (found) => ((found as Mined | null)?.blockNumber ? found : null) };
    if (method !== 'eth_sendRawTransaction' || !handed.has(params[0])) {
      if (method === 'eth_sendRawTransaction') handed.add(params[0]);
      return 'pass';
    }
    return again === undefined ? 'pass' : { error: { code: -32_000, message: again } };
  };
}

/** Where each method has its block. */
const BLOCK_AT: Record<string, number> = {
  eth_getCode: 1,
  eth_call: 1,
  eth_estimateGas: 1,
  eth_getBalance: 1,
  eth_getTransactionCount: 1,
  eth_getBlockByNumber: 0,
};

/** A node that is at block `head()`: what came later it does not know. `fresh`: methods that another node answers. */
export function behind(head: () => bigint | undefined, fresh: string[] = []): Rule {
  return ({ method, params }) => {
    const at = head();
    if (at === undefined || fresh.includes(method)) return 'pass';
    const hex = `0x${at.toString(16)}`;
    if (method === 'eth_blockNumber') return { result: hex };
    if (method === 'eth_getTransactionReceipt' || method === 'eth_getTransactionByHash')
      return { edit: (found) => (isLater(found as Mined | null, at) ? null : found) };
    if (method === 'eth_getLogs') return { edit: (logs) => (logs as Mined[]).filter((log) => !isLater(log, at)) };
    const where = BLOCK_AT[method];
    if (where === undefined) return 'pass';
    return asOf(params, where, at, method);
  };
}

function asOf(params: unknown[], where: number, at: bigint, method: string): Answer {
  const tag = params[where] ?? 'latest';
  if (typeof tag === 'string' && tag.startsWith('0x') && BigInt(tag) > at)
    return method === 'eth_getBlockByNumber'
      ? { result: null }
      : { error: { code: -32_000, message: 'header not found' } };
  if (tag !== 'latest' && tag !== 'pending') return 'pass';
  const ask = [...params];
  ask[where] = `0x${at.toString(16)}`;
  return { ask };
}

const isLater = (found: Mined | null, at: bigint) => Boolean(found?.blockNumber && BigInt(found.blockNumber) > at);

/** The newest block is of a fork that nobody else has. */
export const forkedHead: Rule = ({ method, params }) =>
  method === 'eth_getBlockByNumber' && params[0] === 'latest'
    ? { edit: (block) => ({ ...(block as Block), hash: `0x${'fe'.repeat(32)}` }) }
    : 'pass';

/** Says of a chain that is longer than it is. */
export const headAhead: Rule = ({ method, params }) => {
  const ahead = (number: unknown) => `0x${(BigInt(number as string) + 1_000n).toString(16)}`;
  if (method === 'eth_blockNumber') return { edit: ahead };
  if (method === 'eth_getBlockByNumber' && params[0] === 'latest')
    return { edit: (block) => ({ ...(block as Block), number: ahead((block as Block).number) }) };
  return 'pass';
};

/** Does it for as many requests as `times` says, of those that match. */
export function some(times: number, matches: (request: RpcRequest) => boolean, answer: Answer): Rule {
  let left = times;
  return (request) => {
    if (left === 0 || !matches(request)) return 'pass';
    left -= 1;
    return answer;
  };
}

export const isNumbered = ({ method, params }: RpcRequest) =>
  method === 'eth_getBlockByNumber' && params[0] !== 'latest' && params[0] !== '0x0';
export const nullBlock: Answer = { result: null };
export const headerNotFound: Answer = { error: { code: -32_000, message: 'header not found' } };

/** Is told when a transaction was handed over. */
export function onSend(proxy: RpcProxy, seen: (count: number) => unknown): void {
  let count = 0;
  proxy.after = async ({ method }) => {
    if (method !== 'eth_sendRawTransaction') return;
    count += 1;
    await seen(count);
  };
}

export const RATE = { code: -32_000, message: '429 Too Many Requests' };
/** What an RPC and what stands before it say now and then. */
export const ONCE: Record<string, Answer> = {
  'a page': { body: '<html><h1>502 Bad Gateway</h1></html>' },
  nothing: { result: null },
  'half an answer': 'cut',
  'a reset in the middle': 'reset',
  '403 and JSON': { status: 403, error: RATE },
  '429 and text': { status: 429, text: 'Too Many Requests' },
  '503 and JSON': { status: 503, error: { code: -32_603, message: 'upstream is away' } },
  'an error that is a text': { error: 'slow down' },
};

/** A chain that has no block of that name. */
export const NO_PENDING: Rule = ({ params = [] }) =>
  params.includes('pending') ? { error: { code: -32_602, message: 'invalid block tag: pending' } } : 'pass';
/** Before London: no base fee, and none of its methods. */
export const NO_1559: Rule = ({ method }) => {
  if (/maxPriorityFee|feeHistory/.test(method)) return { error: { code: -32_601, message: 'method not found' } };
  return method === 'eth_getBlockByNumber'
    ? { edit: (block) => block && { ...block, baseFeePerGas: undefined } }
    : 'pass';
};
export const NO_MEMPOOL: Rule = ({ method }) => (method.startsWith('txpool_') ? NO_METHOD : 'pass');

/** As providers limit it. */
export const TEN_BLOCKS: Rule = ({ method, params }) => {
  if (method !== 'eth_getLogs') return 'pass';
  const [{ fromBlock, toBlock }] = params as [{ fromBlock: string; toBlock: string }];
  return BigInt(toBlock) - BigInt(fromBlock) >= 10n
    ? { error: { code: -32_600, message: 'up to a 10 block range' } }
    : 'pass';
};
