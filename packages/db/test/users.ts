import type { OpsError } from '@drydock/kit';
import type { TestPostgres } from '@drydock/sandbox/testing';
import type { Target } from '../src/index.ts';
import { makeTarget } from './world.ts';

export const USERS = 'CREATE TABLE "Users" ("id" INTEGER NOT NULL, CONSTRAINT "Users_pkey" PRIMARY KEY ("id"));';
export const NAMES = 'ALTER TABLE "Users" ADD COLUMN "name" TEXT;';
export const INDEX = 'CREATE INDEX CONCURRENTLY "Users_name_idx" ON "Users"("name");';
export const SCHEMA = 'model Users {\n  id   Int     @id\n  name String?\n\n  @@index([name])\n}\n';
export const ALL = { '1_users': USERS, '2_names': NAMES, '3_index': INDEX };

/** A database of its own, and these migrations. */
export async function freshOn(
  postgres: TestPostgres,
  migrations = ALL as Record<string, string>,
  schema = SCHEMA,
): Promise<Target> {
  return makeTarget(await postgres.createDatabase(), migrations, schema);
}

export const refusal = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error) => error as OpsError,
  );
