import { command, hint, OpsError, paused } from '@drydock/kit';
import type { Proof, Straggler } from '../rotators/types.ts';
import { isUnknown } from '../unknown.ts';
import type { Rotating } from './rotating.ts';

export function stillUsed({ name, environment: { name: env } }: Rotating, stragglers: readonly Straggler[]): OpsError {
  const shown = stragglers.map(
    ({ who, host, pid, ageSeconds, state }) =>
      `${who} on ${host}${pid ? `, ${pid}` : ''} (${state}, for ${Math.round(ageSeconds)} s)`,
  );
  return new OpsError({
    code: 'STILL_IN_USE',
    message: `The old ${name} is still in use by ${shown.join('; ')}.`,
    hint: hint`End them, or wait, and go on: ${command('secrets:rotate', { env, continue: true }, name)}   At once, with whoever uses it: ${command('secrets:retire', { env, emergency: true }, name)}`,
    exit: 3,
  });
}

export function laterIfUnknown(r: Rotating, error: unknown): never {
  if (!isUnknown(error)) throw error;
  throw paused(
    `The new ${r.name} is in use; whether the old one still is cannot be told: ${(error as Error).message}`,
    hint`When the service answers: ${goOn()}`,
  );
}

export function stillTaken(r: Rotating, until: Date): OpsError {
  return paused(
    `The old ${r.name} was ended, and the service still takes it, as it may until ${until.toISOString()}.`,
    hint`Then it is tried again: ${goOn()}`,
  );
}

export function stillWorks(r: Rotating, { says }: Proof): OpsError {
  return new OpsError({
    code: 'OLD_SECRET_STILL_WORKS',
    message: `The old ${r.name} was ended, and still works: ${says}.`,
    hint: hint`Does something else accept it (another server, a cache)? Then: ${goOn()}`,
  });
}

export function unproven(r: Rotating, error: unknown): never {
  if (!isUnknown(error)) throw error;
  throw paused(
    `The old ${r.name} was ended, but whether it is dead cannot be told: ${(error as Error).message}`,
    hint`When the service answers: ${goOn()}`,
  );
}

/** A run that waits is gone on with, by whichever task it was begun. */
function goOn() {
  return command('ops:resume');
}
