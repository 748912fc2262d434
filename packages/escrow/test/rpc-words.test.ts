// Nothing but functions, and an RPC that this test is: what clients and providers say, and what is made of it.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { Secret } from '@drydock/kit';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createPublicClient, http, toHex } from 'viem';
import { createReader } from '../src/chain/client.ts';
import { chainError, isBusy, isPassing } from '../src/chain/errors.ts';
import { countLogs } from '../src/chain/logs.ts';
import { revertOf } from '../src/chain/revert.ts';
import { createSpans, limitIn } from '../src/chain/spans.ts';
import { abis } from './world.ts';

const test = suite('what RPCs say');
let server: Server;
let url: string;
/** How the next request is answered. */
let answer: (request: { method: string; params: [{ fromBlock: string; toBlock: string }] }) => unknown;
let asked: number[] = [];
let status = 200;
test.before(async () => {
  server = createServer((request, response) => void serve(request, response));
  const serve = async (request: IncomingMessage, response: ServerResponse) => {
    const body = JSON.parse(await text(request)) as { id: number; method: string; params: never };
    const said = answer(body);
    if (said === 'hang') return;
    const isText = typeof said === 'string';
    response.writeHead(status, { 'content-type': isText ? 'text/plain' : 'application/json' });
    response.end(isText ? said : JSON.stringify({ jsonrpc: '2.0', id: body.id, ...(said as object) }));
  };
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  url = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
});
test.before.each(() => {
  status = 200;
  asked = [];
});
test.after(() => {
  server.closeAllConnections();
  server.close();
});

const call = { to: '0x0000000000000000000000000000000000000001', data: '0x12345678deadbeef' } as const;
async function failing(said: unknown, httpStatus = 200): Promise<unknown> {
  [answer, status] = [() => said, httpStatus];
  return createPublicClient({ transport: http(url, { retryCount: 0 }) })
    .request({ method: 'eth_call', params: [call, 'latest'] })
    .catch((error: unknown) => error);
}

/** ZeroAddress() of our factory; `Error("no")`. */
const ZERO = '0xd92e233d';
const NO = `0x08c379a0${'20'.padStart(64, '0')}${'2'.padStart(64, '0')}${'6e6f'.padEnd(64, '0')}`;

test('a revert is named in the shape of every client', async () => {
  const shapes: Record<string, [unknown, string, number?]> = {
    geth: [{ code: 3, message: 'execution reverted', data: ZERO }, 'ZeroAddress()'],
    'geth, without data': [{ code: -32_000, message: 'execution reverted' }, 'execution reverted'],
    erigon: [{ code: 3, message: 'execution reverted', data: ZERO }, 'ZeroAddress()'],
    besu: [{ code: -32_000, message: 'Execution reverted', data: ZERO }, 'ZeroAddress()'],
    'nethermind of old': [{ code: -32_015, message: 'VM execution error.', data: `Reverted ${ZERO}` }, 'ZeroAddress()'],
    'nethermind of now': [{ code: -32_000, message: `execution reverted: ${ZERO}`, data: ZERO }, 'ZeroAddress()'],
    openethereum: [{ code: -32_015, message: 'VM execution error.', data: `Reverted ${NO}` }, 'no'],
    'openethereum, an instruction': [
      { code: -32_015, message: 'VM execution error.', data: 'Bad instruction fe' },
      'VM execution error',
    ],
    hardhat: [
      {
        code: -32_603,
        message: 'Error: VM Exception while processing transaction',
        data: { message: 'reverted', data: ZERO },
      },
      'ZeroAddress()',
    ],
    'hardhat, deeper': [
      {
        code: -32_603,
        message: 'x',
        data: { message: 'reverted', txHash: `0x${'ab'.repeat(32)}`, data: { result: ZERO } },
      },
      'ZeroAddress()',
    ],
    metamask: [
      {
        code: -32_603,
        message: 'Internal JSON-RPC error.',
        data: { originalError: { code: 3, message: 'execution reverted', data: ZERO } },
      },
      'ZeroAddress()',
    ],
    'metamask, deeper': [
      {
        code: -32_603,
        message: 'Internal JSON-RPC error.',
        data: { code: -32_000, originalError: { error: { data: ZERO } } },
      },
      'ZeroAddress()',
    ],
    ganache: [
      {
        code: -32_000,
        message: 'VM Exception while processing transaction: revert',
        data: {
          [`0x${'cd'.repeat(32)}`]: { error: 'revert', program_counter: 7, return: ZERO, reason: null },
          stack: 'RuntimeError at 0xdeadbeef',
          name: 'RuntimeError',
        },
      },
      'ZeroAddress()',
    ],
    'ganache, a reason': [
      {
        code: -32_000,
        message: 'VM Exception while processing transaction: revert no',
        data: { [`0x${'cd'.repeat(32)}`]: { error: 'revert', reason: 'no' } },
      },
      'no',
    ],
    arbitrum: [{ code: 3, message: 'execution reverted', data: NO }, 'no'],
    zksync: [
      { code: 3, message: `execution reverted: Error function_selector = 0xd92e233d, data = ${ZERO}`, data: ZERO },
      'ZeroAddress()',
    ],
    'zksync, in words alone': [
      { code: 3, message: `Failed to call a contract: Error function_selector = 0x08c379a0, data = ${NO}` },
      'no',
    ],
    rsk: [{ code: -32_015, message: 'transaction reverted', data: ZERO }, 'ZeroAddress()'],
    'rsk of old': [
      { code: -32_015, message: 'VM Exception while processing transaction: transaction reverted' },
      'VM Exception while processing transaction: transaction reverted',
    ],
    tenderly: [{ code: -32_000, message: 'execution reverted', data: { data: ZERO } }, 'ZeroAddress()'],
    hedera: [
      { code: 3, message: `[Request ID: 7] execution reverted: CONTRACT_REVERT_EXECUTED`, data: ZERO },
      'ZeroAddress()',
    ],
    'JSON in a text': [
      { code: -32_000, message: 'execution reverted', data: JSON.stringify({ output: ZERO }) },
      'ZeroAddress()',
    ],
    'capital digits': [
      { code: 3, message: 'execution reverted', data: ZERO.toUpperCase().replace('0X', '0x') },
      'ZeroAddress()',
    ],
    'another error than ours': [{ code: 3, message: 'execution reverted', data: '0xabcdef01' }, '0xabcdef01'],
    'HTTP 500 and JSON': [{ code: 3, message: 'execution reverted', data: ZERO }, 'ZeroAddress()', 500],
  };
  for (const [client, [error, named, httpStatus]] of Object.entries(shapes))
    assert.is(revertOf(await failing({ error }, httpStatus), [abis.escrow, abis.factory]), named, client);
});

test('what is no revert is none, whatever hexadecimal digits are in it', async () => {
  for (const error of [
    { code: -32_000, message: 'header not found' },
    { code: -32_602, message: `invalid argument 0: hex string 0x12345678` },
    { code: -32_005, message: 'daily request count exceeded, request rate limited' },
    { code: -32_601, message: 'the method eth_call does not exist' },
  ])
    assert.is(revertOf(await failing({ error }), [abis.factory]), undefined, error.message);
  assert.is(revertOf(await failing('<html>0xd92e233d</html>', 502), [abis.factory]), undefined);
});

test('what may be otherwise in a moment is told from what is not', async () => {
  const passing: [unknown, number?][] = [
    [{ error: { code: -32_000, message: 'header not found' } }],
    [{ error: { code: -32_000, message: 'Unknown block' } }],
    [{ error: { code: -32_016, message: 'over rate limit' } }],
    [{ error: { code: -32_000, message: '429 Too Many Requests' } }],
    [{ error: { code: 429, message: 'Your app has exceeded its compute units per second capacity' } }],
    [{ error: { code: -32_007, message: '50/second request limit reached' } }],
    [{ error: { code: -32_005, message: 'rate limited' } }, 429],
    [{ error: { code: -32_052, message: 'no' } }, 403],
    [{ error: 'rate limited' }],
    ['Too Many Requests', 429],
    ['Forbidden', 403],
    ['<html>Service Unavailable</html>', 503],
    ['<html>hello</html>'],
    ['{"jsonrpc":"2.0","id":1,"result":"0x'],
    ['null'],
    [''],
  ];
  for (const [said, httpStatus] of passing)
    assert.ok(isPassing(await failing(said, httpStatus)) || said === '', JSON.stringify(said));
  for (const error of [
    { code: 3, message: 'execution reverted: rate limit of the vault exceeded', data: NO },
    { code: -32_601, message: 'the method does not exist' },
    { code: -32_602, message: 'invalid params' },
    { code: -32_000, message: 'insufficient funds for gas * price + value' },
  ])
    assert.not(isPassing(await failing({ error })), error.message);
  assert.not(isBusy(await failing({ error: { code: -32_005, message: 'query returned more than 10000 results' } })));
});

test('an RPC that says nothing where there is always something is asked again, and is then told', async () => {
  const reader = createReader({ chain: CHAIN, rpcUrls: [new Secret(url)] });
  for (const nothing of [null, undefined, '', {}, '<html>']) {
    let left = 2;
    answer = () => (left-- > 0 ? { result: nothing } : { result: '0x07' });
    assert.is(await reader.getTransactionCount({ address: call.to }), 7);
    left = 2;
    assert.is(await reader.getCode({ address: call.to }), '0x07');
  }
  answer = () => ({ result: null });
  const error = await reader.getCode({ address: call.to }).catch((cause: unknown) => cause);
  const told = chainError({ rpcUrls: [new Secret(url)] }, 'It cannot be read', error);
  assert.match(told.message, 'eth_getCode was answered with nothing');
});

test('what a provider repeats of its URL is not shown', async () => {
  const key = 'abcdef0123456789abcdef';
  const message = `invalid api key, see https://rpc.example/v3/${key}?apikey=${key}`;
  const told = chainError(
    { rpcUrls: [new Secret(url)] },
    'It cannot be read',
    await failing({ error: { code: -32_000, message } }),
  );
  assert.not.match(told.message, key);
  assert.match(told.message, 'rpc.example');
});

const CHAIN = {
  chainId: 31_337,
  timeoutMs: 300,
  pollMs: 40,
  logRange: 10_000,
  startBlock: 0,
} as unknown as Parameters<typeof createReader>[0]['chain'];

/** Events up to a block, from an RPC that allows so many blocks at once. */
async function counted(
  most: number,
  refusal: (asked: number) => unknown,
  { blocks = 75, httpStatus = 200, passes = 1 } = {},
) {
  asked = [];
  answer = ({ params: [{ fromBlock, toBlock }] }) => {
    const count = Number(BigInt(toBlock) - BigInt(fromBlock)) + 1;
    asked.push(count);
    status = count > most ? httpStatus : 200;
    if (count > most) return refusal(count);
    return { result: Array.from({ length: count }, (_, i) => ({ blockNumber: toHex(BigInt(fromBlock) + BigInt(i)) })) };
  };
  const reader = createReader({ chain: CHAIN, rpcUrls: [new Secret(url)] });
  const wanted = { address: call.to, abi: abis.factory };
  for (let pass = 0; pass < passes; pass++)
    assert.is(
      await countLogs({ chain: CHAIN, rpcUrls: [new Secret(url)] }, reader, wanted, BigInt(blocks - 1)),
      blocks,
    );
  return asked.length;
}

test('a limit that is named is kept to, in every pass', async () => {
  const said = () => ({
    error: {
      code: -32_600,
      message:
        'Under the Free tier plan, you can make eth_getLogs requests with up to a 10 block range. Based on your parameters, this block range should work: [0x1, 0xa]',
    },
  });
  assert.is(await counted(10, said, { httpStatus: 400 }), 4 + 1 + 6, '1, 2, 4, 8, one refusal, then ten at a time');
  assert.ok((await counted(10, said, { passes: 3 })) <= 11 + 8 + 8, asked.join());
});

test('a limit that is not named is found, remembered, and each refusal is asked once', async () => {
  const refusals: [unknown, number][] = [
    [{ error: { code: -32_005, message: 'query returned more than 10000 results' } }, 200],
    [{ error: { code: -32_614, message: 'eth_getLogs is limited' } }, 413],
    ['Request Entity Too Large', 413],
    ['bad request', 400],
    ['<html>Service Unavailable</html>', 503],
    [{ error: { code: -32_603, message: 'Internal error' } }, 200],
  ];
  for (const [said, httpStatus] of refusals) {
    const requests = await counted(10, () => said, { httpStatus, passes: 3 });
    assert.ok(requests <= 45, `${JSON.stringify(said)}: ${requests} requests: ${asked.join()}`);
    assert.ok(asked.filter((count) => count > 10).length <= 4, asked.join());
  }
});

test('an RPC that does not answer large spans in time is asked for smaller ones', async () => {
  const requests = await counted(30, () => 'hang', { blocks: 120 });
  assert.ok(requests <= 16, asked.join());
});

test('an RPC that wants fewer questions is given a pause, and is asked for the same', async () => {
  let busy = 2;
  answer = () => (busy-- > 0 ? { error: { code: -32_016, message: 'over rate limit' } } : { result: [] });
  const reader = createReader({ chain: CHAIN, rpcUrls: [new Secret(url)] });
  await countLogs({ chain: CHAIN, rpcUrls: [new Secret(url)] }, reader, { address: call.to, abi: abis.factory }, 3n);
  assert.ok(busy < 0);
});

test('what refusals say of blocks', () => {
  const said: [string, number, number | undefined][] = [
    ['exceed maximum block range: 5000', 10_000, 5_000],
    ['query exceeds max block range 2,000', 10_000, 2_000],
    ['requested too many blocks from 0 to 16777216, maximum is set to 2048', 9_000, 2_048],
    ['block range is too large, max is 1k blocks', 10_000, 1_000],
    ['eth_getLogs and eth_newFilter are limited to a 10,000 blocks range', 20_000, 10_000],
    ['exceeds the range allowed for your plan (1001 > 1000)', 1_001, 1_000],
    ['ranges over 10000 blocks are not supported on freetier', 20_000, 10_000],
    ['Try with this block range [0x0, 0x63].', 1_000, 100],
    ['query returned more than 10000 results', 20_000, undefined],
    ['query timeout exceeded', 500, undefined],
    ['Log response size exceeded', 500, undefined],
    ['block range limit exceeded', 500, undefined],
    ['limited to 1024 block range', 1_000, undefined],
  ];
  for (const [words, asks, limit] of said) assert.is(limitIn(words, asks), limit, words);
});

test('a dense region does not make the whole chain slow', async () => {
  const spans = createSpans(10_000);
  let next = spans.first(true);
  for (let i = 0; i < 14; i++) next = spans.answered(next, 0);
  assert.is(next, 10_000);
  const { error } = await failing({ error: { code: -32_005, message: 'query returned more than 10000 results' } }).then(
    (one) => ({ error: one }),
  );
  next = (await spans.refused(next, error)) ?? 0;
  assert.is(next, 5_000);
  for (let i = 0; i < 40; i++) next = spans.answered(next, 0);
  assert.is(next, 10_000, 'after a while of few events it is tried again');
});

test.run();
