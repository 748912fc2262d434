import {
  command,
  type Environment,
  type EnvName,
  EXIT,
  hint,
  type LoadedConfig,
  OpsError,
  promotionTo,
  toOpsError,
} from '@drydock/kit';
import { withSecretRecord } from '../record/record.ts';
import type { Rotation } from '../record/types.ts';

export interface Gate {
  /** The environment that comes before; null where a rotation may begin here. */
  before: string | null;
  open: boolean;
  says: string;
}

/**
 * A secret is rotated in the environment before this one first, and has settled there: since this environment's last rotation of it,
 * another has come to its end there. Where that cannot be asked the gate is shut.
 */
export async function stagingGate(
  config: LoadedConfig,
  environmentOf: (env: EnvName) => Environment,
  env: EnvName,
  name: string,
): Promise<Gate> {
  const before = promotionTo(config, env).at(-2) ?? null;
  if (before === null) return { before, open: true, says: 'no environment comes before' };
  const rotations = (on: EnvName) => withSecretRecord(config, environmentOf(on), (record) => record.rotations(name));
  const ours = (await rotations(env)).find(({ outcome }) => outcome === 'done');
  let theirs: Rotation[];
  try {
    theirs = await rotations(before);
  } catch (error) {
    return { before, open: false, says: `${before} cannot be asked: ${toOpsError(error).message}` };
  }
  const last = theirs.find(({ outcome }) => outcome === 'done');
  if (!last) return { before, open: false, says: `${name} was never rotated in ${before}` };
  const at = last.endedAt ?? last.startedAt;
  if (ours && at <= ours.startedAt)
    return { before, open: false, says: `${name} was not rotated in ${before} since it was here (${ours.startedAt})` };
  return { before, open: true, says: `rotated in ${before}, settled ${at} (${last.id})` };
}

export function refuseByGate(gate: Gate, { env, name }: { env: EnvName; name: string }): void {
  if (gate.open) return;
  throw new OpsError({
    code: 'NOT_SETTLED_BEFORE',
    message: `${name} of ${env} is not rotated: ${gate.says}.`,
    hint: hint`First there: ${command('secrets:rotate', { env: gate.before ?? env }, name)}   Where it has leaked: ${command('secrets:rotate', { env, emergency: true, reason: '…' }, name)}`,
    exit: EXIT.refused,
  });
}
