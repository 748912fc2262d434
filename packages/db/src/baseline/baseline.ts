import { command, counted, EXIT, hint, OpsError, usageError } from '@drydock/kit';
import { type Inventory, isAbout, outermost, readInventory } from '@drydock/kit/inventory';
import { withMigrations } from '../migrations/apply.ts';
import { type Migration, readMigrations } from '../migrations/folder.ts';
import { refuseUnsound } from '../migrations/refuse.ts';
import { readState } from '../migrations/state.ts';
import { applyFenced } from '../rehearsal/fence.ts';
import { withScratch } from '../rehearsal/scratch.ts';
import { inventoryOf } from '../schema/inventory.ts';
import { asMade, unlikeMade } from '../schema/promised.ts';
import type { Target } from '../target.ts';

export type BaselinePlan = {
  names: string[];
  objects: number;
  /** What the migrations make and the database has not, or has otherwise. */
  differs: string[];
  /** What it has besides. */
  besides: string[];
  /** The last migration up to which the database has all that they make; null where that is none of the newest. */
  fits: string | null;
};

/** How many migrations from the newest back are tried where all of them do not fit. */
const TRIED = 50;

/** Which migrations a database holds already, though nobody has written it down. Reads only; they are made on a scratch database beside it. */
export async function planBaseline(target: Target, through: string | undefined): Promise<BaselinePlan> {
  const state = await readState(target);
  refuseUnsound(state);
  const all = readMigrations(target.migrationsDir);
  if (state.applied.length > 0)
    throw new OpsError({
      code: 'BASELINE_EXISTS',
      message: `${target.env} has a history already: ${counted(state.applied.length, 'migration is', 'migrations are')} applied.`,
      hint: hint`What is pending is deployed: ${command('db:status', { env: target.env })}`,
      exit: EXIT.refused,
    });
  const at = through === undefined ? all.length - 1 : all.findIndex(({ name }) => name === through);
  if (at < 0)
    throw usageError(
      'MIGRATION_UNKNOWN',
      through
        ? `There is no migration ${through} in ${target.migrationsDir}.`
        : `There is no migration in ${target.migrationsDir}.`,
      'Name the folder, without its path.',
    );
  const migrations = all.slice(0, at + 1);
  const actual = await inventoryOf(target.url);
  const made = await makeThem(target, migrations);
  const { differs, besides } = compare(made.at(-1)?.inventory ?? new Map(), actual);
  const fits = made.findLast(({ inventory }) => compare(inventory, actual).differs.length === 0);
  return {
    names: migrations.map(({ name }) => name),
    objects: [...asMade(made.at(-1)?.inventory ?? new Map()).keys()].filter((key) => !isAbout(key)).length,
    differs,
    besides,
    fits: fits?.name ?? null,
  };
}

/** The structure behind each of the newest. */
async function makeThem(target: Target, migrations: Migration[]): Promise<{ name: string; inventory: Inventory }[]> {
  return withScratch(
    target,
    ({ url }) =>
      withMigrations(url, async (session) => {
        const made: { name: string; inventory: Inventory }[] = [];
        for (const [at, migration] of migrations.entries()) {
          await applyFenced(session, migration, target);
          if (at >= migrations.length - TRIED)
            made.push({ name: migration.name, inventory: await readInventory(session.client) });
        }
        return made;
      }),
    { content: 'empty' },
  );
}

function compare(made: Inventory, actual: Inventory): Pick<BaselinePlan, 'differs' | 'besides'> {
  const { added, lost, changed } = outermost(unlikeMade(made, actual));
  return {
    differs: [
      ...lost.map((key) => `it lacks ${key}`),
      ...changed.map((key) => {
        const [here, there] = [actual.get(key), made.get(key)];
        return here?.definition === there?.definition
          ? `its ${key} is not valid`
          : `its ${key} is "${here?.definition}", where the migrations make "${there?.definition}"`;
      }),
    ],
    besides: added.map((key) => `it has ${key}, which they do not make`),
  };
}

const SHOWN = 5;

export function refuseDifferent(target: Target, { differs, fits, names }: BaselinePlan): void {
  if (differs.length === 0) return;
  const more = differs.length > SHOWN ? `; and ${differs.length - SHOWN} more` : '';
  throw new OpsError({
    code: 'BASELINE_DIFFERS',
    message: `${target.env} is not what ${names.length === 1 ? names[0] : `${names.length} migrations`} make: ${differs.slice(0, SHOWN).join('; ')}${more}. Nothing was recorded.`,
    hint: fits
      ? hint`It has all up to ${fits}: ${command('db:baseline', { env: target.env, through: fits })}; what follows is deployed then`
      : hint`All of it: ${command('db:baseline', { env: target.env, check: true })}. Make it so, or write the first migration from what is there (prisma migrate diff --from-empty); as it is: ${command('db:baseline', { env: target.env, acceptDifferences: true })}`,
    exit: EXIT.no,
  });
}
