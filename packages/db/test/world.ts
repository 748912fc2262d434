import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Secret, withPostgres } from '@drydock/kit';
import type { Client } from 'pg';
import { rehearseStep } from '../src/deploy/rehearse.ts';
import { deploySteps, planDeploy } from '../src/deploy/steps.ts';
import type { Target } from '../src/target.ts';

/** A product's prisma folder with the migrations given, and a target that points at it. */
export function makeTarget(url: string, migrations: Record<string, string>, schema = ''): Target {
  const root = mkdtempSync(join(process.env.DRYDOCK_TEST_ROOT ?? tmpdir(), 'drydock-db-'));
  writeFileSync(join(root, 'schema.prisma'), `datasource db {\n  provider = "postgresql"\n}\n${schema}`);
  for (const [name, sql] of Object.entries(migrations)) writeMigration(root, name, sql);
  return {
    env: 'staging',
    url: new Secret(url, 'OPS_DATABASE_URL'),
    readUrl: new Secret(url, 'OPS_DATABASE_URL'),
    root,
    schemaFile: join(root, 'schema.prisma'),
    migrationsDir: join(root, 'migrations'),
    plansDir: join(root, 'plans'),
    defaultSchema: 'public',
    lockTimeoutMs: 200,
    concurrentlyWaitMs: 60_000,
    largeTableRows: 100_000,
    hazards: {},
  };
}

/** What db:deploy does, without the task around it. */
export const deployNodes = async (target: Target, accept: string[] = []) => {
  const plan = await planDeploy(target);
  const rehearsed = plan.pending.length > 0 ? rehearseStep(target, { accept }) : undefined;
  return [...(rehearsed ? [rehearsed] : []), ...deploySteps(target, plan, rehearsed)];
};

export function writeMigration(root: string, name: string, sql: string): void {
  mkdirSync(join(root, 'migrations', name), { recursive: true });
  writeFileSync(join(root, 'migrations', name, 'migration.sql'), sql);
}

export async function withClient<T>(url: string, use: (client: Client) => Promise<T>): Promise<T> {
  return withPostgres(new Secret(url), 'test', async (client) => {
    return await use(client);
  });
}

export const query = (url: string, sql: string) => withClient(url, async (client) => (await client.query(sql)).rows);

/** Of the server: the tests run on every major version that is served. */
export async function majorOf(url: string): Promise<number> {
  const [row] = await query(url, `SELECT current_setting('server_version_num')::int / 10000 AS major`);
  return row.major;
}
