import { dirname } from 'node:path';
import type { TestPostgres } from '@drydock/sandbox/testing';
import type { Hazard } from '../src/hazards/types.ts';
import type { Rehearsal, Target } from '../src/index.ts';
import { applyMigration } from '../src/migrations/apply.ts';
import { readMigrations } from '../src/migrations/folder.ts';
import { makeTarget, query, writeMigration } from './world.ts';

export const BASE = `
  CREATE TYPE "Mood" AS ENUM ('GOOD', 'BAD');
  CREATE TABLE "Users" ("id" BIGINT PRIMARY KEY, "name" TEXT, "age" INTEGER, "mood" "Mood");
  CREATE TABLE "Posts" ("id" BIGINT PRIMARY KEY, "userId" BIGINT, "title" TEXT);
  CREATE TABLE "Empty" ("id" BIGINT PRIMARY KEY, "name" TEXT);
  CREATE INDEX "Posts_title_idx" ON "Posts"("title");
  CREATE SCHEMA "Odd Schema"; CREATE TABLE "Odd Schema"."T ""x""" ("id" BIGINT PRIMARY KEY, "a b" TEXT);`;
const ROWS = `
  INSERT INTO "Users" SELECT n, 'name ' || n, n % 90, 'GOOD' FROM generate_series(1, 500) n;
  INSERT INTO "Posts" SELECT n, n % 500 + 1, 'title ' || n FROM generate_series(1, 2000) n;
  INSERT INTO "Odd Schema"."T ""x""" SELECT n, 'x' FROM generate_series(1, 10) n;`;

/** A database with the base applied and its rows in it, and these migrations pending. */
export async function pendingOn(postgres: TestPostgres, migrations: Record<string, string>): Promise<Target> {
  const target = makeTarget(await postgres.createDatabase(), { '0_base': BASE });
  const [base] = readMigrations(target.migrationsDir);
  if (!base) throw new Error('the base');
  await applyMigration(target.url, base, target);
  await query(target.url.reveal(), `${ROWS}; ANALYZE`);
  for (const [name, sql] of Object.entries(migrations)) writeMigration(dirname(target.schemaFile), name, sql);
  return target;
}

/** Without what every one of these has: the Prisma schema of the test is empty. */
export const codes = ({ findings }: Pick<Rehearsal, 'findings'>, migration?: string) =>
  findings
    .filter(({ code, ...rest }) => code !== 'DRIFT' && (!migration || (rest as Hazard).migration === migration))
    .filter(({ code }) => code !== 'NO_LOCK_TIMEOUT')
    .map(({ code }) => code);
