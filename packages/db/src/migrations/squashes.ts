import { existsSync, readFileSync } from 'node:fs';
import { usageError } from '@drydock/kit';
import { z } from 'zod';
import type { HistoryRow } from './history.ts';

/** Beside the migration.sql of a squash: the migrations that it stands for, in their order. */
export const SQUASHED = 'squashed.json';

export type Replaced = {
  name: string;
  /** SHA-256 of its file, and with the line ends of the other system. */
  checksum: string;
  alike?: string | undefined;
  /** It was a squash itself. */
  standsFor?: Replaced[] | undefined;
};

const replacedSchema: z.ZodType<Replaced> = z.lazy(() =>
  z.strictObject({
    name: z.string().min(1),
    checksum: z.string().regex(/^[0-9a-f]{64}$/),
    alike: z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .optional(),
    standsFor: z.array(replacedSchema).optional(),
  }),
);
const fileSchema = z.strictObject({ standsFor: z.array(replacedSchema).min(1) });

export function readSquashed(file: string): Replaced[] | undefined {
  if (!existsSync(file)) return undefined;
  try {
    return fileSchema.parse(JSON.parse(readFileSync(file, 'utf8'))).standsFor;
  } catch (cause) {
    throw usageError(
      'SQUASH_UNREADABLE',
      `${file} is not what db:squash writes: ${cause instanceof z.ZodError ? z.prettifyError(cause) : (cause as Error).message}`,
      'Bring it back as it was written: git checkout -- FILE',
    );
  }
}

/** Every migration that it stands for, squashes that it took in among them. */
export function allOf(replaced: Replaced[]): Replaced[] {
  return replaced.flatMap((one) => [one, ...allOf(one.standsFor ?? [])]);
}

/** How a database stands to a squash that is not recorded there. */
export interface Squash {
  name: string;
  /** Of those that it stands for. */
  has: string[];
  lacks: string[];
}

/** `rows`: what is applied, by name. A squash inside has its own row, or those of what it stood for. */
export function standing(name: string, replaced: Replaced[], rows: ReadonlyMap<string, HistoryRow>): Squash {
  const squash: Squash = { name, has: [], lacks: [] };
  const look = (one: Replaced): boolean => {
    const row = rows.get(one.name);
    if (row && [one.checksum, one.alike].includes(row.checksum)) return true;
    return Boolean(one.standsFor?.every(look));
  };
  for (const one of replaced) {
    const other = rows.has(one.name) && !look(one) ? ` (another version of it)` : '';
    if (look(one)) squash.has.push(one.name);
    else squash.lacks.push(`${one.name}${other}`);
  }
  // Any part of what an inner one stood for counts.
  if (squash.has.length === 0) squash.has = allOf(replaced).flatMap((one) => (rows.has(one.name) ? [one.name] : []));
  return squash;
}

/** What was recorded in one go (db:baseline) is a neighbour, no predecessor. */
const APART_MS = 60_000;

/**
 * Migrations that are applied and not in the folder, since somebody squashed them as Prisma's manual has it: the first of the folder was recorded
 * by hand, after they had been applied.
 */
export function squashedByHand(
  missing: string[],
  rows: ReadonlyMap<string, HistoryRow>,
  first: string | undefined,
): string[] {
  const squash = rows.get(first ?? '');
  if (!squash?.finishedAt || squash.steps !== 0) return [];
  return missing.filter((name) => {
    const { finishedAt, steps } = rows.get(name) ?? {};
    const apart = squash.startedAt.getTime() - (finishedAt?.getTime() ?? Number.POSITIVE_INFINITY);
    return apart >= (steps === 0 ? APART_MS : 0);
  });
}
