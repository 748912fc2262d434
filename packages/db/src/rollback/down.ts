import type { Secret } from '@drydock/kit';
import { type ApplyOptions, withMigrations } from '../migrations/apply.ts';

/**
 * Runs one down script and marks its migration as rolled back, as Prisma does: it is pending again. Both commit
 * together, unless the script holds what cannot run in a transaction; then each statement's number is kept, and a
 * repetition goes on behind the last.
 */
export async function runDown(
  url: Secret,
  { name, sql }: { name: string; sql: string },
  options: ApplyOptions,
): Promise<void> {
  await withMigrations(url, (session) => session.undo({ name, sql, file: `${name}/down.sql` }, options));
}
