import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { OpsError, usageError } from '@drydock/kit';
import { isScriptAlone } from './scripts.ts';
import { type Replaced, readSquashed, SQUASHED } from './squashes.ts';

const FILE = 'migration.sql';

export interface Migration {
  name: string;
  file: string;
  sql: string;
  /** SHA-256 of the file's bytes in hex, as Prisma keeps it. */
  checksum: string;
  /** The same with the line ends of the other system: to Prisma that is the same file. */
  alike?: string;
  /** The migrations that a squash stands for. */
  standsFor?: Replaced[];
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
  refuseOtherProvider(join(folder, 'migration_lock.toml'));
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !isScriptAlone(join(folder, entry.name)))
    .map(({ name }) => readMigration(folder, name))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** One of them; it must be there. */
export function readMigration(folder: string, name: string): Migration {
  const file = join(folder, name, FILE);
  const bytes = readScript(file, name);
  const sql = decode(bytes, file);
  const standsFor = readSquashed(join(folder, name, SQUASHED));
  return {
    ...{ name, file, sql, checksum: sha256(bytes), alike: sha256(withOtherLineEnds(bytes)) },
    ...(standsFor ? { standsFor } : {}),
  };
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** As Prisma compares them: git may give a checkout on another system other ones. */
function withOtherLineEnds(bytes: Buffer): Buffer {
  // Bytes as they are, whatever they mean.
  const text = bytes.toString('latin1');
  return Buffer.from(text.includes('\r\n') ? text.replaceAll('\r\n', '\n') : text.replaceAll('\n', '\r\n'), 'latin1');
}

/** As Prisma does (P3015): a folder that has lost its file is no migration that may be left out. */
function readScript(file: string, name: string): Buffer {
  // By its exact name: where names are not told apart by case, another machine would not find it.
  const names = existsSync(dirname(file)) ? readdirSync(dirname(file)) : [];
  if (names.includes(FILE)) return readFileSync(file);
  const alike = names.find((other) => other.toLowerCase() === FILE);
  throw usageError(
    'MIGRATION_FILE_MISSING',
    `The migration ${name} has no ${FILE}${alike ? `, but a ${alike}` : ''}.`,
    alike
      ? `git mv ${join(dirname(file), alike)} ${file}`
      : `Bring the file back, or remove the folder ${dirname(file)}.`,
  );
}

/** As Prisma does (P3019): migrations that were written for another database. */
function refuseOtherProvider(lock: string): void {
  const provider = existsSync(lock) && /^\s*provider\s*=\s*["']([^"']*)["']/m.exec(readFileSync(lock, 'utf8'))?.[1];
  if (!provider || provider === 'postgresql' || provider === 'postgres') return;
  throw usageError(
    'MIGRATION_PROVIDER',
    `${lock} says that these migrations are for ${provider}, not for postgresql.`,
    'Set database.migrations in drydock.config.ts to the folder of the migrations for PostgreSQL.',
  );
}

/** A script's text, without the mark of its encoding; one that is not UTF-8 is refused, as the server would read other characters. */
export function readSql(file: string): string {
  return decode(readFileSync(file), file);
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
