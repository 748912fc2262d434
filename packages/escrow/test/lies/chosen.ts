// Which lies a round meets, by chance.
import { setTimeout as sleep } from 'node:timers/promises';
import { oneOf } from '../random.ts';
import type { Answer, RpcRequest, Rule } from '../rpc-proxy.ts';
import { admin } from '../world.ts';
import * as lies from './rules.ts';
import type { Scene } from './scene.ts';

/** One to three kinds, each with what it needs of chance. */
export function chooseLies({ world, random, tip }: Scene): Record<string, Rule> {
  const back = BigInt(1 + random(3));
  const lagged = lies.behind(() => tip() - back);
  const now = (times: number, rule: Rule, one = 4): Rule => {
    let left = times;
    return (request) => {
      if (left === 0 || random(one) !== 0 || request.method === 'eth_chainId') return 'pass';
      left -= 1;
      return rule(request);
    };
  };
  const once = (matches: (request: RpcRequest) => boolean, answer: Answer): Rule =>
    now(6, (request) => (matches(request) ? answer : 'pass'));
  let taken = false;
  const all: Record<string, () => Rule> = {
    'hidden mempool': () => lies.hiddenMempool(),
    'known already': () => lies.hiddenMempool(oneOf(random, lies.KNOWN_ALREADY)),
    lag: () => lagged,
    'nonce of another node': () => lies.behind(() => tip() - back, ['eth_getTransactionCount']),
    'load-balanced': () => (request) => (random(2) === 0 ? lagged(request) : 'pass'),
    'receipts of another node': () => lies.behind(() => tip() - back, BLOCKS),
    'null block': () => once(lies.isNumbered, lies.nullBlock),
    'header not found': () =>
      once(({ method }) => /call|getCode|getTransactionCount|estimateGas/.test(method), lies.headerNotFound),
    'rate limit': () => once(() => true, { error: { code: -32_016, message: 'over rate limit' } }),
    'forked head': () => lies.forkedHead,
    'head too high': () => now(20, lies.headAhead, 2),
    ...Object.fromEntries(Object.entries(lies.ONCE).map(([name, answer]) => [name, () => once(() => true, answer)])),
    'a limit on handing over': () =>
      now(5, ({ method }) => (method === 'eth_sendRawTransaction' ? { error: lies.RATE } : 'pass'), 1),
    'no pending': () => lies.NO_PENDING,
    'no base fee': () => lies.NO_1559,
    'ten blocks of events': () => lies.TEN_BLOCKS,
    'fewer blocks of events, by HTTP': () => (request) =>
      lies.TEN_BLOCKS(request) === 'pass' ? 'pass' : { status: 503 },
    '503': () => now(8, () => ({ status: 503 })),
    'the nonce is taken by a stranger':
      () =>
      async (request): Promise<Answer> => {
        if (request.method !== 'eth_sendRawTransaction' || taken) return 'pass';
        taken = true;
        const nonce = await world.chain.getTransactionCount({ address: admin.address });
        await world.chain.sendTransaction({ account: admin, to: admin.address, nonce, chain: null }).catch(() => {});
        await sleep(200);
        return 'pass';
      },
  };
  const names = Object.keys(all);
  const chosen = Array.from({ length: 1 + random(3) }, () => oneOf(random, names));
  return Object.fromEntries([...new Set(chosen)].map((name) => [name, (all[name] as () => Rule)()]));
}

const BLOCKS = [
  'eth_blockNumber',
  'eth_getBlockByNumber',
  'eth_getCode',
  'eth_call',
  'eth_estimateGas',
  'eth_getTransactionCount',
];
