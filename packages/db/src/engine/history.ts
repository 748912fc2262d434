import type { MigrationList } from '@prisma/schema-engine-wasm';

/** Migrations as the engine takes them; it makes them anew in a database of its own, on the same server. */
export function migrationList(folder: string, migrations: readonly { name: string; sql: string }[]): MigrationList {
  return {
    baseDir: folder,
    lockfile: { path: 'migration_lock.toml', content: 'provider = "postgresql"\n' },
    shadowDbInitScript: '',
    migrationDirectories: migrations.map(({ name, sql }) => ({
      path: name,
      migrationFile: { path: 'migration.sql', content: { tag: 'ok', value: sql } },
    })),
  };
}

/** Nothing is left out of what is compared. */
export const NO_FILTERS = { externalTables: [], externalEnums: [] };
