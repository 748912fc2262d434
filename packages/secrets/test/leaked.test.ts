// Uses PostgreSQL.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig, loadEnvironment, Secret, withPostgres } from '@drydock/kit';
import { bareEnvironment, LeakScan, makeStrangeProduct } from '@drydock/kit/testing';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { findLeaked } from '../src/leaked/find.ts';
import { type KnownOf, knownOf } from '../src/leaked/known.ts';
import { ensureTables } from '../src/record/tables.ts';
import { dotenvStore } from '../src/store/dotenv.ts';
import { teamOf } from '../src/team/team.ts';

const test = suite('what has leaked');
const KEY = 'kP4thK3yZx81LmPxW2aB9cDe';
const OLDER = 'oLd3rK3yZx81LmPxW2aB9cDe';
const [RING0, RING1] = ['r1ngK3yZeroLmPxW2aB9cDeFgHi', 'r1ngK3y0neLmPxW2aB9cDeFgHiJ'];
const PASSWORD = 'p4ss/w+rd%41LmPx';
let postgres: TestPostgres;
let root: string;
let known: KnownOf;

test.before(async () => {
  postgres = await startTestPostgres();
  const url = await postgres.createDatabase();
  root = makeStrangeProduct(
    {
      variables: { API_KEY: { secret: true, example: 'k', about: 'a key' } },
      secrets: { rotate: { api: { kind: 'generic', variable: 'API_KEY' } } },
    },
    {
      OPS_DATABASE_URL: url,
      API_KEY: OLDER,
      JWT_KEYS: `a1:${RING1},a0:${RING0}`,
      REDIS_URL: `redis://app:${encodeURIComponent(PASSWORD)}@127.0.0.1:6379`,
      PUBLIC_URL: 'http://shop.example/about',
    },
  );
  const config = await loadConfig(undefined, root);
  const environment = loadEnvironment(config, 'staging', {});
  const at = { config, environment, team: teamOf(config, environment) };
  await dotenvStore(at).write({ API_KEY: new Secret(KEY) });
  await withPostgres(new Secret(url), 'test', async (client) => {
    await ensureTables(client);
    const row = (n: number, state: string, value: string) =>
      client.query(
        'INSERT INTO drydock.secret_generation (env, name, generation, state, fingerprints) VALUES ($1, $2, $3, $4, $5)',
        ['staging', 'api', n, state, JSON.stringify({ API_KEY: new Secret(value).fingerprint() })],
      );
    await row(0, 'retired', 'first-of-all-Zx81LmPxW2aB');
    await row(1, 'previous', OLDER);
    await row(2, 'current', KEY);
  });
  environment.reread();
  known = await knownOf(config, environment, new AbortController().signal);
});
test.after(() => postgres.stop());

const found = (text: string) =>
  findLeaked(text, known).map(({ variable, part, state, generation }) => [variable, part, state, generation]);

test('a value, with or without the end of its line, in quotes, as an assignment, in a log, encoded', () => {
  assert.equal(known.unknown, []);
  const texts = [
    KEY,
    `${KEY}\n`,
    `  ${KEY}\r\n`,
    `"${KEY}"`,
    `API_KEY='${KEY}'\n`,
    `2026 GET /?key=${KEY} 200`,
    Buffer.from(KEY).toString('base64'),
  ];
  for (const text of texts) assert.equal(found(text), [['API_KEY', 'the value', 'current', 2]], text);
});

test('which generation it is: current, previous, retired', () => {
  assert.equal(found(OLDER), [['API_KEY', 'the value', 'previous', 1]]);
  assert.equal(found('first-of-all-Zx81LmPxW2aB'), [['API_KEY', 'the value', 'retired', 0]]);
});

test('a part of one: a key of a ring, the password in an address, as it is written and decoded', () => {
  for (const text of [RING0, RING1, `a0:${RING0}`])
    assert.equal(found(text), [['JWT_KEYS', 'one key of it', 'current', null]], text);
  for (const text of [PASSWORD, encodeURIComponent(PASSWORD), `redis://x:${encodeURIComponent(PASSWORD)}@elsewhere:1`])
    assert.equal(
      found(text).map(([variable, part]) => [variable, part]),
      [['REDIS_URL', 'the password in it']],
      text,
    );
});

test('what is none of ours is found to be none', () => {
  for (const text of ['nothing of the kind', 'http://shop.example/about', KEY.slice(1), 'a', '0', 'redis', 'app'])
    assert.equal(found(text), [], text);
});

async function leaked(input: string, ...args: string[]) {
  const child = spawn(process.execPath, [join(import.meta.dirname, '../scripts/leaked.ts'), ...args], {
    cwd: root,
    env: bareEnvironment({ CI: 'true' }),
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += chunk));
  child.stdin.end(input);
  const [code] = await once(child, 'close');
  return { code, said };
}

test('the task reads it from standard input, says what to type, and never shows it; exit 3, 0 and 2', async () => {
  const scan = new LeakScan({ KEY, OLDER, RING0, PASSWORD });
  const ours = await leaked(`${KEY}\n`);
  assert.is(ours.code, 3, ours.said);
  assert.match(ours.said, 'API_KEY of staging');
  assert.match(ours.said, 'npm run secrets:rotate -- api --env staging --emergency --reason "…"');
  const json = await leaked(RING0, '--json', '--env', 'staging');
  assert.is(json.code, 3);
  assert.match(json.said, 'JWT_KEYS (one key of it) of staging is known to others');
  scan.text('said', ours.said + json.said);
  assert.equal(scan.leaks, []);
  const none = await leaked('nothing of ours\n', '--env', 'staging');
  assert.is(none.code, 0, none.said);
  assert.is((await leaked('\n')).code, 2);
});

test('where something could not be asked, that it is none is no answer (exit 1)', async () => {
  const file = join(root, '.env.staging');
  writeFileSync(file, `OPS_DATABASE_URL='postgresql://ops:pw@127.0.0.1:1/shop'\nAPI_KEY='${KEY}'\n`);
  const none = await leaked('nothing of ours\n', '--env', 'staging');
  assert.is(none.code, 1, none.said);
  assert.match(none.said, 'not all could: the record of staging');
  assert.is((await leaked(KEY, '--env', 'staging')).code, 3);
});

test.run();
