import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { OpsError, usageError } from '@drydock/kit';

export interface Migration {
  name: string;
  file: string;
  sql: string;
  /** SHA-256 of the file's bytes in hex, as Prisma keeps it. */
  checksum: string;
}

/** The migrations of a folder in the order in which Prisma applies them: by name. */
export function readMigrations(folder: string): Migration[] {
  if (!existsSync(folder)) {
    throw usageError(
      'MIGRATIONS_MISSING',
      `The migrations folder ${folder} does not exist.`,
      'Set database.migrations in drydock.config.ts.',
    );
  }
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(join(folder, entry.name, 'migration.sql')))
    .map(({ name }) => readMigration(folder, name))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** One of them; it must be there. */
export function readMigration(folder: string, name: string): Migration {
  const file = join(folder, name, 'migration.sql');
  const bytes = readFileSync(file);
  const checksum = createHash('sha256').update(bytes).digest('hex');
  return { name, file, sql: decode(bytes, file), checksum };
}

function decode(bytes: Buffer, file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new OpsError({
      code: 'MIGRATION_NOT_UTF8',
      message: `${file} is not UTF-8.`,
      hint: 'Save it as UTF-8 and run it again.',
      cause,
    });
  }
}
