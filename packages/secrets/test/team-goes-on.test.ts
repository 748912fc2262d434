// Uses PostgreSQL: a rotation that one operator begins and another goes on with, from a clone and with a key of their own.
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Secret, withPostgres } from '@drydock/kit';
import { taskFile } from '@drydock/kit/cli';
import { makeStrangeProduct, runTaskForTest, taskProcesses } from '@drydock/kit/testing';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const test = suite('a rotation of a team');
const FIRST = 'first-value-of-thirty-two-letters';
let postgres: TestPostgres;
test.before(async () => {
  postgres = await startTestPostgres();
});
test.after(() => postgres.stop());

const guard = { guard: 'none' };

/** A product in staging and production, and what each operator's clone of it is: the same, with a key of their own. */
async function team(secret: object = {}, { byHand = false, redeploy = [process.execPath, '--version'] } = {}) {
  const folder = mkdtempSync(join(process.env.DRYDOCK_TEST_ROOT ?? tmpdir(), 'drydock-team-'));
  const [ada, bob, eve] = await Promise.all([generateIdentity(), generateIdentity(), generateIdentity()]);
  const members = await Promise.all(
    [ada, bob].map(async (key, n) => ({ name: ['ada', 'bob'][n], recipient: await identityToRecipient(key) })),
  );
  const urls = { staging: await postgres.createDatabase(), production: await postgres.createDatabase() };
  const mail = { kind: 'generic', variable: 'MAIL_KEY', overlap: 'both', settleSeconds: 3_600, ...secret };
  const config = {
    environments: { development: guard, staging: { ...guard, serves: 'validation' }, production: guard },
    secrets: {
      rotate: { mail },
      team: { recipients: members },
      ...(byHand ? {} : { redeploy: { command: redeploy } }),
    },
  };
  const clone = (identity: string, value = FIRST) => {
    const own = { MAIL_KEY: value, SECRETS_IDENTITY: identity };
    const root = makeStrangeProduct(config, { ...own, OPS_DATABASE_URL: urls.staging });
    const lines = Object.entries({ ...own, MAIL_KEY: `${value}-live`, OPS_DATABASE_URL: urls.production });
    writeFileSync(join(root, '.env.production'), lines.map(([name, text]) => `${name}='${text}'\n`).join(''));
    const run = async (task: string, ...args: string[]) => {
      const { default: definition } = await import(taskFile(task));
      const yes = definition.kind === 'change' ? ['--yes'] : [];
      return runTaskForTest(definition, root, [
        ...(args.includes('--env') ? [] : ['--env', 'staging']),
        ...yes,
        ...args,
      ]);
    };
    const held = () => /^MAIL_KEY='?([\w-]+)/m.exec(readFileSync(join(root, '.env.staging'), 'utf8'))?.[1] ?? '';
    return { root, run, held };
  };
  return { folder, urls, ada: clone(ada), bob: clone(bob), eve: clone(eve), nobody: clone('') };
}

test('another operator goes on from another clone, with a key of their own: the new value reaches theirs too', async () => {
  const { ada, bob } = await team();
  const begun = await ada.run('secrets:rotate', 'mail', '--wait', '0s');
  assert.is(begun.error, undefined, begun.error?.message);
  assert.is.not(ada.held(), FIRST);
  assert.is(bob.held(), FIRST);
  const { outcome, error } = await bob.run('secrets:retire', 'mail', '--emergency', '--reason', 'it is out');
  assert.is(error, undefined, error?.message);
  assert.is(outcome?.ok, true);
  assert.is(bob.held(), ada.held());
});

test('one that was ended by a run that was killed before it could say so is gone on with elsewhere', async () => {
  const { ada, bob, urls } = await team({ settleSeconds: 0 });
  assert.is((await ada.run('secrets:rotate', 'mail')).error, undefined);
  // Of what it has done, its first step alone has reached the others.
  await withPostgres(new Secret(urls.staging), 'test', async (client) => {
    await client.query('DELETE FROM drydock.run_entry WHERE seq > 3');
    await client.query(`UPDATE drydock.run SET status = 'open'`);
  });
  const { error, outcome } = await bob.run('secrets:rotate', '--resume');
  assert.is(error, undefined, error?.message);
  assert.match(outcome?.verdict ?? '', 'rotated, and the old one is ended');
  assert.is(bob.held(), ada.held());
});

test('killed as it starts the product with the new one, and gone on with elsewhere: it is started with the new one there', async () => {
  const folder = mkdtempSync(join(process.env.DRYDOCK_TEST_ROOT ?? tmpdir(), 'drydock-starts-'));
  const starts = join(folder, 'starts');
  // With both, and with the new one: there the task that starts it is killed.
  const program = `const fs = require('node:fs'); fs.appendFileSync('${starts}', process.env.MAIL_KEY + '\\n');
    if (fs.readFileSync('${starts}', 'utf8').split('\\n').length === 2) process.kill(process.ppid, 'SIGKILL');`;
  const { ada, bob } = await team({ settleSeconds: 0 }, { redeploy: [process.execPath, '-e', program] });
  const { code } = await taskProcesses(ada.root).run('secrets:rotate', 'mail', '--yes');
  assert.is(code, null);
  const { error } = await bob.run('secrets:rotate', '--resume', '--lock-wait', '30s');
  assert.is(error, undefined, error?.message);
  assert.is.not(bob.held(), FIRST);
  assert.is(bob.held(), ada.held());
  const started = readFileSync(starts, 'utf8').trim().split('\n');
  assert.equal(new Set(started), new Set([bob.held()]));
  assert.ok(started.length > 1);
});

test('one that was taken back by a run that was killed before it could say so is gone on with elsewhere', async () => {
  const { ada, bob, urls } = await team();
  const inStaging = (text: string) =>
    withPostgres(new Secret(urls.staging), 'test', async (client) => void (await client.query(text)));
  assert.is((await ada.run('secrets:rotate', 'mail', '--wait', '0s')).error, undefined);
  assert.is((await ada.run('secrets:revert', 'mail', '--wait', '0s')).error, undefined);
  await inStaging('UPDATE drydock.secret_rotation SET "settlesAt" = clock_timestamp()');
  const taken = await ada.run('secrets:rotate', 'mail', '--continue');
  assert.is(taken.error, undefined, taken.error?.message);
  assert.is(ada.held(), FIRST);
  // Of what it has done, its first step alone has reached the others.
  await inStaging(`DELETE FROM drydock.run_entry WHERE seq > 3 AND run = (SELECT max(run) FROM drydock.run_entry);
    UPDATE drydock.run SET status = 'open' WHERE run = (SELECT max(run) FROM drydock.run_entry)`);
  const { error, outcome } = await bob.run('secrets:rotate', '--resume');
  assert.is(error, undefined, error?.message);
  assert.match(outcome?.verdict ?? '', 'taken back');
  assert.is(bob.held(), FIRST);
});

test('a clone in which nothing of it was done is refused, and brought up to date from the record', async () => {
  const { ada, bob } = await team({ settleSeconds: 0 });
  assert.is((await ada.run('secrets:rotate', 'mail')).error, undefined);
  assert.is(bob.held(), FIRST);
  const findings = (await bob.run('secrets:status')).outcome?.findings ?? [];
  const found = findings.find(({ code }) => code === 'FILE_HOLDS_OLD');
  assert.match(found?.message ?? '', 'the file holds generation 0 (retired); 1 is in use');
  const early = await bob.run('secrets:rotate', 'mail');
  assert.equal([early.error?.code, early.error?.exit], ['FILE_HOLDS_OLD', 4]);
  assert.match(early.error?.hint ?? '', 'npm run secrets:open -- --env staging');
  const opened = await bob.run('secrets:open');
  assert.is(opened.outcome?.verdict, 'mail of staging brought up to date.');
  assert.is(bob.held(), ada.held());
  assert.is((await bob.run('secrets:open')).error?.code, 'NOTHING_AT_REST');
  assert.is((await bob.run('secrets:rotate', 'mail')).error, undefined);
});

test('whose key is none of the team’s cannot, and is told so; nothing is changed', async () => {
  const { ada, eve, nobody } = await team();
  await ada.run('secrets:rotate', 'mail', '--wait', '0s');
  for (const [operator, code] of [
    [eve, 'WRONG_KEY'],
    [nobody, 'NO_KEY'],
  ] as const) {
    const { error } = await operator.run('secrets:retire', 'mail', '--emergency', '--reason', 'it is out');
    assert.is(error?.code, code);
    assert.is(operator.held(), FIRST);
  }
});

test('production waits for staging, unless it is an emergency with a reason', async () => {
  const { ada } = await team({ settleSeconds: 0 });
  const production = (...args: string[]) => ada.run('secrets:rotate', 'mail', '--env', 'production', ...args);
  const early = await production();
  assert.equal([early.error?.code, early.error?.exit], ['NOT_SETTLED_BEFORE', 4]);
  assert.is((await production('--emergency', '--reason', 'it is out')).error, undefined);
  assert.is((await ada.run('secrets:rotate', 'mail')).error, undefined);
  assert.is((await production()).error, undefined);
  const again = await production();
  assert.match(again.error?.message ?? '', 'was not rotated in staging since it was here');
});

test('where a person has to start the product again, nothing is ended before they say that they have', async () => {
  const { ada } = await team({ settleSeconds: 0 }, { byHand: true });
  const begun = await ada.run('secrets:rotate', 'mail');
  assert.is(begun.error, undefined, begun.error?.message);
  assert.match(begun.outcome?.verdict ?? '', 'the new one is in use; the old one is still used by 1');
  assert.match(JSON.stringify(begun.outcome?.findings), 'has to be started again by hand');
  assert.is((await ada.run('secrets:rotate', 'mail', '--env', 'production')).error?.code, 'NOT_SETTLED_BEFORE');
  const { outcome } = await ada.run('secrets:rotate', 'mail', '--continue');
  assert.match(outcome?.verdict ?? '', 'rotated, and the old one is ended');
});

test('one that settles in staging has not settled yet', async () => {
  const { ada } = await team();
  await ada.run('secrets:rotate', 'mail', '--wait', '0s');
  assert.is((await ada.run('secrets:rotate', 'mail', '--env', 'production')).error?.code, 'NOT_SETTLED_BEFORE');
});

test('what the team keeps encrypted follows a rotation, and a status says where it differs', async () => {
  const { ada, eve } = await team({ settleSeconds: 0 });
  const sealed = await ada.run('secrets:seal');
  assert.is(sealed.error, undefined, sealed.error?.message);
  const codes = async ({ run }: typeof ada) => {
    const { outcome, error } = await run('secrets:status', 'mail');
    assert.is(error, undefined, error?.message);
    return (outcome?.findings ?? []).map(({ code }) => code);
  };
  assert.not.ok((await codes(ada)).includes('AT_REST_DIFFERS'));
  assert.is((await ada.run('secrets:rotate', 'mail')).error, undefined);
  assert.not.ok((await codes(ada)).includes('AT_REST_DIFFERS'));
  const file = join(ada.root, '.env.staging');
  writeFileSync(file, readFileSync(file, 'utf8').replace(ada.held(), 'another-value-of-thirty-two-letters'));
  assert.ok((await codes(ada)).includes('AT_REST_DIFFERS'));
  assert.not.ok((await codes(eve)).includes('AT_REST_DIFFERS'), 'they cannot open it');
});

test('a status with a database that hangs is there within three seconds', async () => {
  const silent: Server = createServer(() => {});
  await new Promise<void>((done) => void silent.listen(0, '127.0.0.1', done));
  const { port } = silent.address() as { port: number };
  try {
    const { ada } = await team();
    const file = join(ada.root, '.env.staging');
    writeFileSync(file, `${readFileSync(file, 'utf8')}OPS_DATABASE_URL='postgresql://o:p@127.0.0.1:${port}/d'\n`);
    const began = performance.now();
    const { outcome, error } = await ada.run('secrets:status');
    assert.is(error, undefined, error?.message);
    assert.ok(performance.now() - began < 3_000, `${performance.now() - began} ms`);
    assert.match(JSON.stringify(outcome?.findings), 'what was rotated when: no answer within 1000 ms');
  } finally {
    silent.close();
  }
});

test.run();
