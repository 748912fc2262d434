import { runStepsForTest } from '@drydock/kit/testing';
import type { TestPostgres } from '@drydock/sandbox/testing';
import type { Target } from '../src/index.ts';
import { deployNodes, makeTarget } from './world.ts';

export const SCHEMA =
  'enum Mood {\n  GOOD\n  BAD\n}\nmodel Users {\n  id   BigInt @id\n  name String?\n  mood Mood?\n  age  Int?\n\n  @@index([name])\n  @@index([age])\n}\n';
export const UP = {
  '1_users': `CREATE TYPE "Mood" AS ENUM ('GOOD', 'BAD');
    CREATE TABLE "Users" ("id" BIGINT NOT NULL, "name" TEXT, "mood" "Mood", "age" INTEGER, CONSTRAINT "Users_pkey" PRIMARY KEY ("id"), CONSTRAINT "adult" CHECK ("age" > 0));`,
  '2_name': 'CREATE INDEX CONCURRENTLY "Users_name_idx" ON "Users"("name");',
  '3_age': 'CREATE INDEX CONCURRENTLY "Users_age_idx" ON "Users"("age");',
};

/** A table with an index on each of two columns, deployed as db:deploy does it. */
export async function deployedOn(postgres: TestPostgres): Promise<Target> {
  const target = makeTarget(await postgres.createDatabase(), UP, SCHEMA);
  await runStepsForTest(await deployNodes(target));
  return target;
}
