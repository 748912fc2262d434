// Nothing but functions: what is decided, given what is seen.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { shownName } from '@drydock/kit';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Hex, keccak256, parseGwei } from 'viem';
import { cloneCodeHash, create2Address, saltOf, walletIn } from '../src/chain/address.ts';
import { bump, capped, suggest } from '../src/chain/fees.ts';
import type { JobRow } from '../src/jobs/types.ts';
import { type SafeBatch, withChecksum } from '../src/rollback/safe.ts';
import { decide, type Situation } from '../src/send/decide.ts';
import { capOf } from '../src/session.ts';
import { judge } from '../src/verdict.ts';

const test = suite('rules');
const ADDRESS = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8';
const NOW = 1_800_000_000_000;
const MINUTE = 60_000;

const row = (change: Partial<JobRow> = {}): JobRow => ({
  id: '1',
  pending: false,
  deployed: false,
  address: null,
  txHash: null,
  sinceMs: NOW - MINUTE,
  total: 10n,
  open: 10n,
  ...change,
});
const chain = (change = {}) => ({ exists: true, foreign: false, rolledBack: false, unreleased: 10n, ...change });
const nothing = { exists: false, foreign: false, rolledBack: false, unreleased: 0n };
const verdict = (job: JobRow, escrow: typeof nothing) => {
  const { verdict: word, truth, settled } = judge(job, ADDRESS, escrow, { now: NOW, stuckAfterMs: 15 * MINUTE });
  return [word, settled, truth];
};

test('verdicts: every pair of sides', () => {
  const there = { deployed: true, address: ADDRESS };
  assert.equal(verdict(row(), nothing), ['ok', true, undefined]);
  assert.equal(verdict(row({ pending: true }), nothing), ['pending', false, undefined]);
  assert.equal(verdict(row({ pending: true, sinceMs: NOW - 16 * MINUTE }), nothing), ['stuck', false, undefined]);
  assert.equal(verdict(row({ pending: true, sinceMs: null }), nothing), ['stuck', false, undefined]);
  assert.equal(verdict(row(there), nothing), ['drifted', false, { deployed: false }]);
  assert.equal(verdict(row(there), chain()), ['ok', false, undefined]);
  assert.equal(verdict(row({ ...there, open: 0n }), chain({ unreleased: 0n })), ['ok', true, undefined]);
  assert.equal(verdict(row({ pending: true }), chain()), [
    'orphaned',
    false,
    { deployed: true, pending: false, address: ADDRESS },
  ]);
  assert.equal(verdict(row({ ...there, address: '0x1' }), chain()), ['drifted', false, { address: ADDRESS }]);
  assert.equal(verdict(row({ ...there, pending: true }), chain()), ['drifted', false, { pending: false }]);
  assert.equal(verdict(row({ ...there, open: 4n }), chain()), ['drifted', false, { payments: true }]);
  assert.equal(verdict(row({ ...there, open: undefined }), chain()), ['ok', false, undefined]);
  assert.equal(verdict(row(there), chain({ rolledBack: true })), ['drifted', false, { deployed: false }]);
  assert.equal(verdict(row({ address: ADDRESS }), chain({ rolledBack: true })), ['rolled-back', true, undefined]);
  assert.equal(verdict(row(there), chain({ foreign: true })), ['drifted', false, undefined]);
});

test('an address in lower case is the same address', () => {
  assert.is(verdict(row({ deployed: true, address: ADDRESS.toLowerCase() }), chain())[0], 'ok');
});

const HASH: Hex = `0x${'ab'.repeat(32)}`;
const fees = (max: string, priority = '1') => ({ max: parseGwei(max), priority: parseGwei(priority) });
const situation = (change: Partial<Situation> = {}): Situation => ({
  done: false,
  account: ADDRESS,
  live: undefined,
  nonce: { latest: 7, pending: 7 },
  baseFee: parseGwei('10'),
  suggested: fees('21'),
  cap: parseGwei('200'),
  floor: 0,
  head: 100n,
  recalled: { hash: null, pending: true, deployed: false },
  knew: [],
  ...change,
});
const sent = (state: NonNullable<Situation['live']>['state'], change = {}): Situation['live'] => ({
  hash: HASH,
  state,
  nonce: 7,
  from: ADDRESS,
  fees: fees('40', '2'),
  ...change,
});
const refusal = (change: Partial<Situation>) => {
  try {
    decide(situation(change));
  } catch (error) {
    return (error as { code: string }).code;
  }
  return undefined;
};

test('what is there is adopted, whatever waits', () => {
  assert.equal(decide(situation({ done: true, live: sent('waits') })), { action: 'adopt' });
});

test('what waits is replaced at its own nonce, 12.5 % higher in both fees, or more if the market asks for more', () => {
  assert.equal(decide(situation({ live: sent('waits') })), {
    action: 'replace',
    hash: HASH,
    nonce: 7,
    fees: { max: parseGwei('45'), priority: parseGwei('2.25') },
  });
  const dear = decide(situation({ live: sent('waits'), suggested: fees('90', '5') }));
  assert.equal(dear, { action: 'replace', hash: HASH, nonce: 7, fees: fees('90', '5') });
});

test('at the limit it is waited for while a block may take it, and refused when none will', () => {
  assert.equal(decide(situation({ live: sent('waits'), cap: parseGwei('42') })), {
    action: 'wait',
    hash: HASH,
    nonce: 7,
    raw: null,
  });
  assert.is(refusal({ live: sent('waits'), cap: parseGwei('42'), baseFee: parseGwei('41') }), 'FEE_CAP');
});

test('the limit is offered where it suffices for a replacement and for a block of now', () => {
  const dear = { live: sent('waits', { fees: fees('50', '1') }), baseFee: parseGwei('95'), suggested: fees('191') };
  const offered = {
    action: 'replace',
    hash: HASH,
    nonce: 7,
    fees: { max: parseGwei('150'), priority: parseGwei('1.125') },
  };
  assert.equal(decide(situation({ ...dear, cap: parseGwei('150') })), offered);
  assert.is(refusal({ ...dear, cap: parseGwei('94') }), 'FEE_CAP', 'no block takes it');
  assert.is(
    refusal({ ...dear, live: sent('waits', { fees: fees('94', '1') }), cap: parseGwei('105') }),
    'FEE_CAP',
    'no node does',
  );
  const legacy = { max: parseGwei('50'), priority: null };
  const old = {
    live: sent('waits', { fees: legacy }),
    baseFee: null,
    suggested: { max: parseGwei('191'), priority: null },
  };
  assert.is(decide(situation({ ...old, cap: parseGwei('150') })).action, 'wait', 'a gas price is paid in full');
});

test('only its sender can replace it', () => {
  assert.is(refusal({ live: sent('waits', { from: '0x0000000000000000000000000000000000000001' }) }), 'OTHER_SENDER');
});

test('what no node shows keeps its nonce until that is mined, so that of all copies one at most is', () => {
  const bumped = { max: parseGwei('45'), priority: parseGwei('2.25') };
  for (const pending of [7, 8, 9])
    assert.equal(decide(situation({ live: sent('hidden'), nonce: { latest: 7, pending } })), {
      action: 'send',
      nonce: 7,
      fees: bumped,
    });
  const raw = '0x02';
  const atLimit = { live: sent('hidden', { raw }), cap: parseGwei('42') };
  assert.equal(decide(situation(atLimit)), { action: 'wait', hash: HASH, nonce: 7, raw });
});

test('what is mined, or may be, is waited for; so is what the product sent and any counted one may be', () => {
  assert.equal(decide(situation({ live: sent('mined') })), { action: 'wait', hash: HASH, nonce: 7, raw: null });
  assert.equal(decide(situation({ live: { state: 'lost', hash: HASH } })), {
    action: 'wait',
    hash: HASH,
    nonce: null,
    raw: null,
  });
});

test('sent anew it takes the next nonce, and never one that this run has given out', () => {
  assert.equal(decide(situation({ nonce: { latest: 7, pending: 8 } })), { action: 'send', nonce: 8, fees: fees('21') });
  assert.equal(decide(situation({ floor: 12 })), { action: 'send', nonce: 12, fees: fees('21') });
});

test('a limit below the suggestion is offered while it pays the base fee', () => {
  assert.equal(decide(situation({ cap: parseGwei('15') })), { action: 'send', nonce: 7, fees: fees('15') });
  assert.is(refusal({ cap: parseGwei('9') }), 'FEE_CAP');
});

test('fees: rounding is upward, zero becomes something, a chain without EIP-1559 has a gas price', () => {
  assert.equal(bump({ max: 7n, priority: 0n }, { max: 0n, priority: 0n }), { max: 8n, priority: 1n });
  assert.equal(bump({ max: 8n, priority: null }, { max: 3n, priority: null }), { max: 9n, priority: null });
  assert.equal(suggest(null, 0n, 5n), { max: 5n, priority: null });
  assert.equal(suggest(4n, 1n, 0n), { max: 9n, priority: 1n });
  assert.equal(capped({ max: 9n, priority: 8n }, 5n, 5n), { max: 5n, priority: 5n });
});

test('--max-fee is gwei, in decimals', () => {
  assert.is(capOf('0.5', 1), 500_000_000n);
  assert.is(capOf(undefined, 200), parseGwei('200'));
  for (const bad of ['', '0', '-1', '1e3', 'NaN', '1,5', '0x10'])
    assert.throws(() => capOf(bad, 1), /--max-fee must be gwei/);
});

test('wallets: capitals alone have no checksum, as small letters have none', () => {
  for (const text of [ADDRESS, ADDRESS.toLowerCase(), `0x${ADDRESS.slice(2).toUpperCase()}`, ADDRESS.toUpperCase()])
    assert.is(walletIn(text), '0x70997970C51812dc3A010C7d01b50e0d17dc79C8');
  const slip = ADDRESS.replace('C51', 'c51');
  for (const text of [slip, ADDRESS.slice(2), ` ${ADDRESS}`, `${ADDRESS}0`, ''])
    assert.is(walletIn(text), undefined, text);
});

test('salts: each rule takes ids of its kind alone', () => {
  assert.is(saltOf('keccak256', 'é'), keccak256('0xc3a9'));
  assert.is(saltOf('uint256', '42'), `0x${'2a'.padStart(64, '0')}`);
  assert.is(saltOf('uuid', '00000000-0000-0000-0000-0000000000FF'), `0x${'ff'.padStart(64, '0')}`);
  for (const [rule, id] of [
    ['uint256', '4x'],
    ['uint256', '-1'],
    ['uuid', '42'],
    ['bytes32', '0x12'],
  ] as const)
    assert.throws(() => saltOf(rule, id), /salt rule/);
});

test('CREATE2: the examples of EIP-1014, and the init code of a clone', () => {
  const at = create2Address('0xdeadbeef00000000000000000000000000000000', `0x${'0'.repeat(64)}`, keccak256('0x00'));
  assert.is(at, '0xb928f69bb1d91cd65274e3c79d8986362984fda3');
  assert.match(cloneCodeHash(ADDRESS), /^0x[0-9a-f]{64}$/);
});

test('a task loads what it works with in one place, once it works', () => {
  const scripts = join(import.meta.dirname, '../scripts');
  for (const name of readdirSync(scripts)) {
    const text = readFileSync(join(scripts, name), 'utf8');
    assert.ok((text.match(/\bimport\(/g) ?? []).length <= 1, name);
    // Heavy modules are not loaded to show flags.
    assert.not.match(text, /from '(viem|pg|ox)/);
  }
});

test('a job id from anywhere is printed without moving the cursor', () => {
  assert.is(shownName('3f2a-1'), '3f2a-1');
  assert.is(shownName('a b'), '"a b"');
  assert.is(shownName('1\'; DROP TABLE "Job"; --'), '"1\'; DROP TABLE \\"Job\\"; --"');
  assert.is(shownName('\u001b[2J\u0000\u202e\u009b'), '"\\u001b[2J\\u0000\\u202e\\u009b"');
});

test("the checksum is that of Safe's Transaction Builder", () => {
  // A batch that the Transaction Builder itself wrote.
  const batch: SafeBatch = {
    version: '1.0',
    chainId: '1',
    createdAt: 1_761_326_849_944,
    meta: {
      name: 'Transactions Batch',
      description: '',
      txBuilderVersion: '1.18.2',
      createdFromSafeAddress: '0xA77DE01e157f9f57C7c4A326eeE9C4874D0598b6',
      createdFromOwnerAddress: '',
    },
    transactions: [
      {
        to: '0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48',
        value: '0',
        data: null,
        contractMethod: {
          inputs: [
            { internalType: 'address', name: 'spender', type: 'address' },
            { internalType: 'uint256', name: 'value', type: 'uint256' },
          ],
          name: 'approve',
          payable: false,
        },
        contractInputsValues: { spender: '0x474e5Ded6b5D078163BFB8F6dBa355C3aA5478C8', value: '100000000000' },
      },
    ],
  };
  assert.is(withChecksum(batch).meta.checksum, '0x8b5032f716845c8b08bab3d63dbd9ba92e056f3557793cd041e59b84e16aa989');
});

test.run();
