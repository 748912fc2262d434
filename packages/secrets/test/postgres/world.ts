// A product's database with two logins, beside a role that may rotate them, on a server that logs every statement.
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadConfig, loadEnvironment, OpsError, quoteIdentifier, Secret, withPostgres } from '@drydock/kit';
import { makeStrangeProduct } from '@drydock/kit/testing';
import { startTestPostgres, type TestPostgres, testRoot } from '@drydock/sandbox/testing';
import type { SecretConfig } from '../../src/config/rotate.ts';
import { secretsConfig } from '../../src/config.ts';
import type { Product } from '../../src/product.ts';
import { rotatorOf } from '../../src/rotators/all.ts';
import { scramVerifier } from '../../src/rotators/postgres/scram.ts';
import type { Rotator } from '../../src/rotators/types.ts';
import type { Values } from '../../src/values.ts';

export const PASSWORDS = { app_a: 'canary-app-a-6f1c', rotator: 'canary-rotator-77d2' };

const LOGGED_MS = 30_000;
let marks = 0;

export interface World extends TestPostgres {
  /** As superuser, in the product's database. */
  url: string;
  query<Row = Record<string, unknown>>(sql: string, as?: string): Promise<Row[]>;
  /** The rotator may change these roles, as README says that it takes from PostgreSQL 16 on; before, CREATEROLE is enough. */
  letRotate(...roles: string[]): Promise<void>;
  /** The owner of logins may change them by itself: before PostgreSQL 16. */
  isBefore16: boolean;
  /** Everything that the server has logged until now: a process of its own writes it, so a mark is put there and waited for. */
  log(): Promise<string>;
}

/** `shop` is the product's database, where role `app` may use the table `things`; app_a logs in, app_b not yet. */
export async function startWorld({
  binaries,
  settings = {},
  files = {},
}: Omit<NonNullable<Parameters<typeof startTestPostgres>[0]>, 'own'> = {}): Promise<World> {
  const logs = join(testRoot('pg-log'), 'log');
  mkdirSync(logs);
  chmodSync(logs, 0o777);
  const logging = {
    logging_collector: 'on',
    log_directory: logs,
    log_statement: 'all',
    log_min_error_statement: 'debug5',
    log_file_mode: '0644',
  };
  const postgres = await startTestPostgres({
    own: true,
    files,
    ...(binaries ? { binaries } : {}),
    settings: { ...logging, max_prepared_transactions: '5', ...settings },
  });
  const url = await postgres.createDatabase('shop');
  const query = <Row>(sql: string, as = url) =>
    withPostgres(new Secret(as), 'the test', async (client) => {
      const result = await client.query(sql);
      return [result].flat().at(-1)?.rows as Row[];
    });
  const [server] = await query<{ is: boolean }>(`SELECT current_setting('server_version_num')::int < 160000 AS is`);
  const isBefore16 = server?.is === true;
  const world: World = {
    ...postgres,
    ...{ url, query, isBefore16 },
    async letRotate(...roles) {
      if (isBefore16) return;
      const names = roles.map(quoteIdentifier).join(', ');
      await query(`GRANT ${names} TO rotator WITH ADMIN TRUE, INHERIT FALSE, SET FALSE`);
    },
    async log() {
      const mark = `mark-${++marks}-`;
      await query(`SELECT '${mark}'`);
      const read = () =>
        readdirSync(logs)
          .map((name) => readFileSync(join(logs, name), 'utf8'))
          .join('');
      for (const until = Date.now() + LOGGED_MS; Date.now() < until; await sleep(20)) {
        const text = read();
        if (text.includes(mark)) return text;
      }
      throw new Error('the server logs nothing');
    },
  };
  await world.query(
    `CREATE ROLE app NOLOGIN; CREATE ROLE app_a LOGIN PASSWORD '${verifierOf(PASSWORDS.app_a)}' IN ROLE app; ALTER ROLE app_a SET role = 'app';
     CREATE ROLE app_b NOLOGIN IN ROLE app; ALTER ROLE app_b SET role = 'app';
     CREATE TABLE things (n int); INSERT INTO things VALUES (7);
     GRANT SELECT, INSERT ON things TO app; GRANT USAGE, CREATE ON SCHEMA public TO app;
     CREATE ROLE rotator LOGIN CREATEROLE PASSWORD '${verifierOf(PASSWORDS.rotator)}';
     GRANT pg_signal_backend, pg_read_all_stats TO rotator`,
  );
  await world.letRotate('app', 'app_a', 'app_b');
  return world;
}

/** Lest the test itself write a password into the server's log. */
export function verifierOf(password: string): string {
  return scramVerifier('test', new Secret(password), 4_096).reveal();
}

export function as(world: World, user: string, password: string, database = 'shop'): string {
  return world.urlOf(database, { user, password });
}

const nothingRuns: Product = {
  describe: async () => undefined,
  redeploy: async () => {},
  uses: async () => [],
  addresses: async () => [],
};

export interface Rotation {
  rotator: Rotator;
  old: Values;
  said: string[];
}

/** A rotator of fresh objects, as a run has it: config and environment are read again. */
export async function open(
  root: string,
  { emergency = false, name = 'database', from }: { emergency?: boolean; name?: string; from?: Values } = {},
): Promise<Rotation> {
  const config = await loadConfig(undefined, root);
  const environment = loadEnvironment(config, 'staging', {});
  const secret = secretsConfig(config).rotate[name] as SecretConfig;
  const said: string[] = [];
  const openRotator = await rotatorOf(secret);
  const rotator = openRotator({
    config,
    environment,
    name,
    secret,
    rotation: { id: '01JROTATION', generation: 1, emergency },
    product: nothingRuns,
    ask: () => Promise.reject(new Error('asks for nothing')),
    signal: new AbortController().signal,
    onLine: (line) => said.push(line),
  });
  const old =
    from ??
    Object.fromEntries(
      rotator.variables.map((variable) => [variable, environment.has(variable) ? environment.secret(variable) : null]),
    );
  return { rotator, old, said };
}

export function productOf(env: Record<string, string>, secret: object = {}, more: object = {}): string {
  const database = { kind: 'postgres', variable: 'DATABASE_URL', rotator: 'ROTATOR_URL', ...secret };
  return makeStrangeProduct({ secrets: { rotate: { database } }, ...more }, env);
}

/** What the environment holds from now on. */
export function write(root: string, values: Values): void {
  const file = join(root, '.env.staging');
  const kept = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line && !Object.keys(values).some((name) => line.startsWith(`${name}=`)));
  writeFileSync(
    file,
    [...kept, ...Object.entries(values).map(([name, value]) => `${name}='${value?.reveal()}'`), ''].join('\n'),
  );
}

/** A rotation in one go, as the state machine goes: each function of fresh objects. Returns what was there before, and what is there now. */
export async function rotate(
  root: string,
  { emergency = false, name = 'database' } = {},
): Promise<{ old: Values; next: Values }> {
  const { rotator, old } = await open(root, { emergency, name });
  await rotator.refuse(old);
  const next = await rotator.make(old);
  const again = async () => (await open(root, { emergency, name, from: old })).rotator;
  await (await again()).add(old, next);
  await (await again()).validate(old, next);
  write(root, rotator.promoted(old, next));
  await (await again()).retire(old, next);
  return { old, next };
}

export async function refusal(work: Promise<unknown>): Promise<OpsError> {
  const thrown = await work.then(
    () => new Error('it was not refused'),
    (error) => error,
  );
  if (thrown instanceof OpsError) return thrown;
  throw thrown;
}

export const urlOf = (values: Values, variable = 'DATABASE_URL') => values[variable]?.reveal() ?? '';
