import { type Finding, shownName, toOpsError } from '@drydock/kit';
import { type Abi, type AbiFunction, type Address, isAddressEqual } from 'viem';
import { readEscrow } from '../chain/escrow-state.ts';
import { findLog } from '../chain/logs.ts';
import { revertOf } from '../chain/revert.ts';
import type { Session } from '../session.ts';
import type { Required, RequiredFunction } from './required.ts';

export interface Asked {
  findings: Finding[];
  /** Calls that were answered. */
  answered: number;
  /** The escrow that was asked; undefined where there is none yet. */
  escrow: string | undefined;
}

/** Asks the factory, and the newest escrow that it made, or that of a job, all that the tasks ask them. */
export async function askContracts(session: Session, required: Required[], job: string | undefined): Promise<Asked> {
  const { target, reader } = session;
  const asked: Asked = { findings: [], answered: 0, escrow: undefined };
  const askAll = async (contract: Required['contract'], address: Address) => {
    for (const one of required) {
      if (one.type !== 'function' || one.contract !== contract || !has(target.abi[contract], one)) continue;
      // What changes something is simulated where it is done, with what it is done with.
      if (one.key === 'escrow.create' || one.key === 'escrow.rollback') continue;
      const why = await refusalOf(session, one, address);
      if (why === undefined) asked.answered += 1;
      else asked.findings.push(silent(one, address, why));
    }
  };
  await askAll('factory', target.factory);
  const made = await findEscrow(session, job);
  if ('finding' in made) return { ...asked, findings: [...asked.findings, made.finding] };
  const { address } = made;
  asked.escrow = address;
  if (made.job !== undefined) asked.findings.push(...(await checkAddress(session, made.job, address)));
  await askAll('escrow', address);
  const state = await readEscrow(target, reader, address, await reader.getBlockNumber({ cacheTime: 0 }));
  if (state.foreign)
    asked.findings.push({
      level: 'error',
      code: 'NOT_AN_ESCROW',
      message: `${address} does not answer ${target.escrow.reads.unreleased} and ${target.escrow.reads.rolledBack.function} with one word each, the first below 2^240 and the second below 256.`,
      hint: 'escrow.reads in drydock.config.ts names the views.',
    });
  return asked;
}

type Made = { job: string | undefined; address: Address } | { finding: Finding };

async function findEscrow({ target, reader, locate }: Session, job: string | undefined): Promise<Made> {
  const { event, escrow, jobId } = target.escrow.created;
  if (job !== undefined) {
    const address = await locate.one(job);
    const code = await reader.getCode({ address });
    if (code && code !== '0x') return { job, address };
    // It was asked for by name: that it was not looked at is no success.
    return {
      finding: {
        ...unasked(`Job ${shownName(job)} has no escrow: there is no contract at ${address}.`),
        level: 'error',
        hint: 'Name a job that has one, or leave --job out: then the newest escrow is asked.',
      },
    };
  }
  const newest = await findLog(target, reader, { address: target.factory, abi: target.abi.factory, event }, () => true);
  if (!newest)
    return {
      finding: unasked(
        `The factory ${target.factory} has made no escrow yet, or not in the blocks whose events were read.`,
      ),
    };
  return { job: jobId === null ? undefined : String(newest.args[jobId]), address: newest.args[escrow] as Address };
}

function unasked(why: string): Finding {
  return {
    level: 'info',
    code: 'ESCROW_NOT_ASKED',
    message: `${why} Whether an escrow answers was not looked at.`,
    hint: 'Run it again when there is one; --job names it.',
  };
}

/** The salt rule and the address rule, against what the factory did. */
async function checkAddress({ locate }: Session, job: string, made: Address): Promise<Finding[]> {
  const hint =
    'escrow.salt and escrow.address in drydock.config.ts say how the address follows from the id of the job.';
  try {
    const computed = await locate.one(job);
    if (isAddressEqual(computed, made)) return [];
    return [
      {
        level: 'error',
        code: 'ADDRESS_RULE',
        message: `The escrow of job ${shownName(job)} is at ${made}, and by escrow.salt and escrow.address it would be at ${computed}.`,
        hint,
      },
    ];
  } catch (thrown) {
    return [{ level: 'error', code: 'ADDRESS_RULE', message: toOpsError(thrown).message, hint }];
  }
}

function has(abi: Abi, { name, inputs }: RequiredFunction): boolean {
  return abi.some((item) => item.type === 'function' && item.name === name && item.inputs.length === inputs.length);
}

async function refusalOf(
  { target, reader }: Session,
  one: RequiredFunction,
  address: Address,
): Promise<string | undefined> {
  const abi = target.abi[one.contract];
  const item = abi.find(
    (each): each is AbiFunction =>
      each.type === 'function' && each.name === one.name && each.inputs.length === one.inputs.length,
  );
  if (!item) return undefined;
  const args = one.inputs.map((kind, i) => sample(kind, item.inputs[i]?.type ?? ''));
  try {
    await reader.readContract({ address, abi: [item], functionName: one.name, args });
    return undefined;
  } catch (cause) {
    const reverted = revertOf(cause, [abi]);
    // That there is no milestone 0, or no such job, is an answer.
    if (reverted !== undefined && one.inputs.length > 0) return undefined;
    if (reverted !== undefined)
      return /^(execution reverted|without a reason)$/.test(reverted) ? 'it reverts' : `it reverts (${reverted})`;
    const { name, shortMessage } = cause as { name?: string; shortMessage?: string };
    return shortMessage?.split('\n')[0] ?? name ?? 'no answer';
  }
}

function sample(kind: RequiredFunction['inputs'][number], type: string): unknown {
  if (kind === 'address') return '0x0000000000000000000000000000000000000001';
  if (type.startsWith('uint')) return 0n;
  if (type === 'bytes32') return `0x${'0'.repeat(64)}`;
  return 'a job that is not there';
}

function silent({ contract, name, key }: RequiredFunction, address: Address, why: string): Finding {
  return {
    level: 'error',
    code: 'NO_ANSWER',
    message: `The ${contract} at ${address} does not answer ${name}, which ${key} names: ${why}.`,
    hint: `Is it the ${contract} that the ABI describes?`,
  };
}
