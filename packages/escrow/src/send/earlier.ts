import { readRuns, withPostgres } from '@drydock/kit';
import type { Address, Hex } from 'viem';
import type { Target } from '../target.ts';
import type { Known, Signed } from './deed.ts';
import { readSent } from './ledger.ts';
import { isRecorded } from './recorded.ts';

/** Newest first: as the environment's database tells it, whoever sent it, and as the journals of this checkout do. */
export async function sentBefore(target: Pick<Target, 'databaseUrl' | 'root'>, deed: string): Promise<Known[]> {
  const written = await withPostgres(target.databaseUrl, 'drydock escrow', (client) => readSent(client, deed));
  const hashes = new Set(written.map(({ hash }) => hash));
  return [...written, ...signedBefore(target.root, deed).filter(({ hash }) => !hashes.has(hash))];
}

/** What was signed and not written down has not left the machine: it occupies no nonce. */
function signedBefore(root: string, deed: string): Known[] {
  return readRuns(root, { of: (task) => task.startsWith('escrow:') })
    .flatMap(({ steps }) => {
      const left = [...steps.values()].map(({ data }) => data);
      const recorded = new Set(left.filter(isRecorded).map(({ hash }) => hash));
      return left.filter((data) => isSigned(data, deed) && recorded.has(data.hash ?? '')) as Signed[];
    })
    .flatMap(knownOf)
    .reverse();
}

function isSigned(data: unknown, deed: string): data is Signed {
  return typeof data === 'object' && data !== null && (data as Partial<Signed>).deed === deed;
}

export function knownOf({ hash, nonce, from, max, priority, raw, block }: Signed): Known[] {
  if (!hash || nonce === null || !raw) return [];
  return [
    {
      hash: hash as Hex,
      nonce,
      from: from as Address,
      fees: { max: BigInt(max ?? 0), priority: priority === null ? null : BigInt(priority) },
      raw: raw as Hex,
      block: block === undefined ? undefined : BigInt(block),
    },
  ];
}
