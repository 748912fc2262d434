import { command, counted, EXIT, hint, OpsError, usageError } from '@drydock/kit';
import { type Migration, readMigrations } from '../migrations/folder.ts';
import { refuseUnsound } from '../migrations/refuse.ts';
import type { Replaced } from '../migrations/squashes.ts';
import { readState } from '../migrations/state.ts';
import type { Target } from '../target.ts';

export type SquashPlan = {
  name: string;
  /** In their order. */
  standsFor: Replaced[];
  /** How many come behind it. */
  later: number;
};

export interface SquashWish {
  through: string | undefined;
  name: string | undefined;
}

/** Which migrations become one. The environment must have all of them, or none. Reads only. */
export async function planSquash(target: Target, wish: SquashWish): Promise<SquashPlan> {
  const all = readMigrations(target.migrationsDir);
  const at = wish.through === undefined ? all.length - 1 : all.findIndex(({ name }) => name === wish.through);
  if (at < 0)
    throw usageError(
      'MIGRATION_UNKNOWN',
      `There is no migration ${wish.through ?? ''} in ${target.migrationsDir}.`,
      hint`${command('db:status')} names them.`,
    );
  const old = all.slice(0, at + 1);
  const later = all.slice(at + 1);
  if (old.length < 2)
    throw usageError(
      'NOTHING_TO_SQUASH',
      'One migration alone is nothing to squash.',
      command('db:squash', { help: true }),
    );
  const name = wish.name ?? nameOf(old.at(-1)?.name ?? '');
  refuseName(name, all, later);
  const state = await readState(target);
  refuseUnsound(state);
  const open = old.filter((one) => !state.applied.includes(one.name) && !state.squashed.includes(one.name));
  if (open.length > 0 && open.length < old.length)
    throw new OpsError({
      code: 'SQUASH_PENDING',
      message: `${target.env} lacks ${counted(open.length, 'of them', 'of them')}: ${open
        .slice(0, 5)
        .map((one) => one.name)
        .join(', ')}. A database that has a part of a squash takes none of it.`,
      hint: hint`Deploy them everywhere first: ${command('db:deploy', { env: target.env })}; or squash less: --through NAME`,
      exit: EXIT.no,
    });
  return { name, standsFor: old.map(replacedOf), later: later.length };
}

export function replacedOf({ name, checksum, alike, standsFor }: Migration): Replaced {
  return { name, checksum, ...(alike ? { alike } : {}), ...(standsFor ? { standsFor } : {}) };
}

/** In the place of the last: with its number. */
function nameOf(last: string): string {
  const number = /^\d+/.exec(last)?.[0];
  return `${number ?? '000'}_squashed`;
}

function refuseName(name: string, all: Migration[], later: Migration[]): void {
  const first = later[0]?.name;
  const why = !/^[\w.-]+$/.test(name)
    ? 'is no name of a folder'
    : all.some((one) => one.name === name)
      ? 'is there already'
      : first !== undefined && name >= first
        ? `would come behind ${first}`
        : undefined;
  if (why)
    throw usageError(
      'SQUASH_NAME',
      `${name} ${why}.`,
      hint`Another one: ${command('db:squash', { name: '000_squashed' })}`,
    );
}
