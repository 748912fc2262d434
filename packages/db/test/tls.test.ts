// Uses PostgreSQL that takes TLS alone: Prisma's engine, psql and pg_restore reach it as node does, and refuse a wrong CA.
import type { OpsError } from '@drydock/kit';
import { runStepsForTest } from '@drydock/kit/testing';
import { makeAuthority, startTestPostgres, type TestPostgres, testRoot } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { diffToSchema } from '../src/drift.ts';
import { rehearse } from '../src/index.ts';
import { deployNodes, makeTarget } from './world.ts';

const test = suite('a database that takes TLS alone');
const UP = { '1_users': 'CREATE TABLE "Users" ("id" INTEGER NOT NULL, CONSTRAINT "Users_pkey" PRIMARY KEY ("id"));' };
const SCHEMA = 'model Users {\n  id Int @id\n}\n';
let postgres: TestPostgres;
let [ours, strangers] = ['', ''];
test.before(async () => {
  const folder = testRoot('tls');
  const authority = makeAuthority(folder);
  [ours, strangers] = [authority.file, makeAuthority(folder, 'stranger').file];
  const server = authority.sign('server', ['IP:127.0.0.1']);
  postgres = await startTestPostgres({
    settings: { ssl: 'on', ssl_cert_file: 'server.crt', ssl_key_file: 'server.key' },
    files: {
      'server.crt': server.cert,
      'server.key': server.key,
      'pg_hba.conf': 'hostssl all all all scram-sha-256\n',
    },
  });
});
test.after(() => postgres.stop());

const at = (url: string, ca: string) => `${url}?sslmode=verify-full&sslrootcert=${encodeURIComponent(ca)}`;

test('a migration is rehearsed on a copy, deployed, and compared by the engine', async () => {
  const target = makeTarget(at(await postgres.createDatabase(), ours), UP, SCHEMA);
  const { findings } = await rehearse(target);
  assert.equal(
    findings.filter(({ level }) => level === 'error'),
    [],
  );
  await runStepsForTest(await deployNodes(target));
  assert.is(await diffToSchema(target.url, target.schemaFile), undefined);
});

test('a wrong CA is refused by the engine too', async () => {
  const target = makeTarget(at(await postgres.createDatabase(), strangers), UP, SCHEMA);
  const error = await diffToSchema(target.url, target.schemaFile).then(
    () => undefined,
    (thrown) => thrown as OpsError,
  );
  assert.is(error?.code, 'DATABASE_UNTRUSTED');
});

test.run();
