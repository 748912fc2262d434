import fc from 'fast-check';
import { type Address, encodeFunctionData, type Hex } from 'viem';
import { abis } from '../world.ts';
import type { Call } from './model.ts';

export const JOBS = ['a', 'b', 'c'];

/** A random call by a random actor; `refusers` can be paid nothing, and call all the same. */
export function callOf(actors: string[], refusers: string[]): fc.Arbitrary<Call> {
  const { constant, constantFrom, record } = fc;
  const [admin = ''] = actors;
  // The admin more often than others: a run in which nothing is allowed shows little.
  const by = fc.oneof({ weight: 2, arbitrary: constant(admin) }, { weight: 3, arbitrary: constantFrom(...actors) });
  const anybody = constantFrom(...actors, ...refusers);
  const job = constantFrom(...JOBS);
  const place = fc.oneof({ weight: 4, arbitrary: job }, { weight: 1, arbitrary: constant(null) });
  const wei = fc.bigInt({ min: 1n, max: 500n });
  const amounts = fc.array(fc.bigInt({ min: 0n, max: 1_000n }), { maxLength: 3 });
  const short = fc.oneof({ weight: 5, arbitrary: constant(0n) }, { weight: 1, arbitrary: constantFrom(1n, -1n) });
  const kinds = <K extends Call['kind']>(...names: K[]) => constantFrom(...names);
  return fc.oneof(
    {
      weight: 8,
      arbitrary: record({ kind: kinds('create'), by, job, client: anybody, freelancer: anybody, amounts, short }),
    },
    { weight: 12, arbitrary: record({ kind: kinds('release'), by, job, index: fc.nat({ max: 3 }) }) },
    { weight: 5, arbitrary: record({ kind: kinds('rollback', 'initialize', 'recover', 'recover'), by, job }) },
    { weight: 3, arbitrary: record({ kind: kinds('withdraw'), by: anybody, job }) },
    { weight: 3, arbitrary: record({ kind: kinds('withdrawTo'), by: anybody, job, to: anybody }) },
    { weight: 4, arbitrary: record({ kind: kinds('send', 'force'), by, job: place, wei }) },
    { weight: 1, arbitrary: record({ kind: kinds('empty'), by, to: anybody }) },
    { weight: 2, arbitrary: record({ kind: kinds('pause', 'unpause', 'unpause'), by }) },
    {
      weight: 2,
      arbitrary: record({
        kind: kinds('grant', 'revoke'),
        by,
        role: constantFrom('operator' as const, 'pauser' as const, 'admin' as const),
        to: constantFrom(...actors.slice(1)),
      }),
    },
    { weight: 2, arbitrary: record({ kind: kinds('begin'), by, to: constantFrom(...actors) }) },
    { weight: 1, arbitrary: record({ kind: kinds('cancel'), by }) },
    { weight: 3, arbitrary: record({ kind: kinds('accept'), by: constantFrom(...actors) }) },
    { weight: 2, arbitrary: record({ kind: kinds('wait') }) },
  );
}

export interface Contracts {
  factory: Address;
  escrows: Map<string, Address>;
  roles: Record<'operator' | 'pauser' | 'admin', Hex>;
}

/** `to` undefined: code that ends with its making, and forces its value upon whoever it names. */
export function encode(
  { factory, escrows, roles }: Contracts,
  call: Exclude<Call, { kind: 'wait' }>,
): { to?: Address; data: Hex; value: bigint } {
  const onFactory = (functionName: string, args: unknown[] = [], value = 0n) => ({
    to: factory,
    data: encodeFunctionData({ abi: abis.factory, functionName, args }),
    value,
  });
  const onEscrow = (job: string, functionName: string, args: unknown[] = []) => ({
    to: escrows.get(job) as Address,
    data: encodeFunctionData({ abi: abis.escrow, functionName, args }),
    value: 0n,
  });
  switch (call.kind) {
    case 'create': {
      const total = call.amounts.reduce((a, b) => a + b, 0n) + call.short;
      return onFactory('createEscrow', [call.job, call.client, call.freelancer, call.amounts], total < 0n ? 1n : total);
    }
    case 'release':
      return onEscrow(call.job, 'release', [BigInt(call.index)]);
    case 'initialize':
      return onEscrow(call.job, 'initialize', [call.by, call.by, call.by, []]);
    case 'withdrawTo':
      return onEscrow(call.job, 'withdrawTo', [call.to]);
    case 'rollback':
    case 'withdraw':
    case 'recover':
      return onEscrow(call.job, call.kind);
    case 'send':
    case 'force': {
      const to = call.job === null ? factory : (escrows.get(call.job) as Address);
      return call.kind === 'send'
        ? { to, data: '0x', value: call.wei }
        : { data: `0x73${to.slice(2)}ff`, value: call.wei };
    }
    case 'empty':
      return onFactory('recover', [call.to]);
    case 'pause':
    case 'unpause':
      return onFactory(call.kind);
    case 'begin':
      return onFactory('beginDefaultAdminTransfer', [call.to]);
    case 'accept':
      return onFactory('acceptDefaultAdminTransfer');
    case 'cancel':
      return onFactory('cancelDefaultAdminTransfer');
    default:
      return onFactory(`${call.kind}Role`, [roles[call.role], call.to]);
  }
}

export function show(call: Call): string {
  return JSON.stringify(call, (_, value) => (typeof value === 'bigint' ? `${value}` : value));
}
