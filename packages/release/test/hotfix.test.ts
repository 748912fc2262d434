// Uses git, PostgreSQL, HAProxy, and gh with a stand-in for GitHub's API on loopback.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { loadConfig, loadEnvironment, readRuns } from '@drydock/kit';
import { runStepsForTest, runTaskForTest } from '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import hotfixTask from '../scripts/hotfix.ts';
import { advisoryStep } from '../src/hotfix/advisory.ts';
import { withRecord } from '../src/record/record.ts';
import { type Asked, startGithub } from './github.ts';
import { makeWorld, type World } from './world.ts';

const test = suite('hotfix');
let world: World;
let github: Awaited<ReturnType<typeof startGithub>>;
let answer: (asked: Asked) => { status?: number; body: unknown } | undefined = () => undefined;
test.before(async () => {
  github = await startGithub((asked) => answer(asked));
  world = await makeWorld(
    {
      variables: {
        TOKEN_KEY: { secret: true, example: 'abc', about: 'signs tokens' },
        MAIL_KEY: { secret: true, example: 'abc', about: 'sends mails' },
      },
      secrets: { rotate: { tokens: { kind: 'generic', variable: 'TOKEN_KEY' } } },
    },
    { ci: { by: 'recorded', required: 'always', repository: github.repository }, hotfix: { advisory: 'github' } },
  );
});
test.after(async () => {
  await Promise.all([world.stop(), github.stop()]);
});

const hotfix = (...args: string[]) =>
  runTaskForTest(hotfixTask, world.root, ['--env', 'staging', '--reason', 'tokens could be forged', ...args]);
const begun = () => readRuns(world.root).length;

test('it asks which secrets are impacted, by the names that are declared', async () => {
  const runs = begun();
  const unsaid = await hotfix();
  assert.equal([unsaid.error?.code, unsaid.error?.exit], ['SECRETS_UNSAID', 2]);
  assert.match(String(unsaid.error?.hint), 'TOKEN_KEY');
  assert.is((await hotfix('--secrets', 'NO_SUCH')).error?.code, 'SECRET_UNKNOWN');
  assert.is((await hotfix('--secrets', 'none,TOKEN_KEY')).error?.code, 'SECRETS_UNSAID');
  assert.is(begun(), runs);
});

test('a fix without a regression test is refused (exit 4), unless it is said why', async () => {
  assert.is((await world.release(undefined, ['--env', 'staging', '--sign', 'tests'])).error, undefined);
  world.commit();
  const none = await hotfix('--secrets', 'none', '--plan');
  assert.equal([none.error?.code, none.error?.exit], ['NO_REGRESSION_TEST', 4]);
  const why = await hotfix('--secrets', 'none', '--plan', '--no-test', 'a dependency was updated');
  assert.is(why.error, undefined);
  assert.match(why.said.join('\n'), 'left out: ci, checklist, flow');
});

test('with one it is released without CI and flow, with rehearsal and backup, and its draft stays where nothing is public', async () => {
  mkdirSync(join(world.root, 'test'));
  writeFileSync(join(world.root, 'test/forged.test.mjs'), '');
  execFileSync('git', ['add', '-A'], { cwd: world.root });
  world.commit();
  // GitHub is away: the draft is kept here.
  const { error, outcome, said } = await hotfix('--secrets', 'TOKEN_KEY,MAIL_KEY');
  assert.is(error, undefined);
  assert.match(said.join('\n'), 'No advisory could be opened on GitHub');
  assert.match(
    String(outcome?.next),
    'Rotate what is impacted now:   npm run secrets:rotate -- tokens --env staging --emergency --reason "…"',
  );
  const byHand = outcome?.findings?.find(({ code }) => code === 'SECRET_UNROTATED');
  assert.match(byHand?.message ?? '', 'MAIL_KEY is under no rotation');
  const { advisory, rotations } = (outcome?.data ?? {}) as unknown as { advisory: string; rotations: object };
  assert.equal(rotations, { secrets: ['tokens'], none: ['MAIL_KEY'] });
  assert.match(readFileSync(advisory, 'utf8'), 'Regression test: test/forged.test.mjs.');
  assert.is(statSync(advisory).mode & 0o077, 0);
  assert.is(execFileSync('git', ['status', '--porcelain'], { cwd: world.root, encoding: 'utf8' }), '');
  const steps = [...(readRuns(world.root).at(-1)?.steps.keys() ?? [])];
  assert.not.ok(steps.includes('staging › full flow'));
  for (const step of ['staging › backup', 'staging › db:dry-run', 'staging › candidate health'])
    assert.ok(
      steps.some((name) => name.startsWith(step)),
      `${step} in ${steps.join(', ')}`,
    );
  const config = await loadConfig(undefined, world.root);
  const live = await withRecord(config, loadEnvironment(config, 'staging', {}), (record) => record.live());
  assert.is(live?.kind, 'hotfix');
});

test('where GitHub is configured it is a private advisory there, opened once', async () => {
  const config = await loadConfig(undefined, world.root);
  const environment = loadEnvironment(config, 'staging', { PATH: process.env.PATH, ...github.env });
  const drafts: { ghsa_id: string; html_url: string; description: string }[] = [];
  answer = ({ method, path, body }) => {
    if (!path.startsWith('/repos/acme/shop/security-advisories')) return undefined;
    if (method === 'GET') return { body: drafts };
    const one = { ghsa_id: 'GHSA-1', html_url: 'https://github.example/GHSA-1', description: body.description };
    drafts.push(one);
    return { status: 201, body: one };
  };
  const plan = {
    ...{ summary: 'forged tokens', severity: 'high' as const, commit: 'abc', secrets: [], tests: [], skipped: [] },
  };
  const step = () => advisoryStep({ config, environment } as never, plan);
  const first = step();
  assert.is((await runStepsForTest([first], 'keep', '01RUN')).results.of(first).where, 'https://github.example/GHSA-1');
  // Killed after it was opened, and gone on with.
  const again = step();
  assert.is((await runStepsForTest([again], 'keep', '01RUN')).results.of(again).where, 'https://github.example/GHSA-1');
  const posted = github.asked.filter(({ method }) => method === 'POST' && drafts.length > 0);
  assert.is(drafts.length, 1);
  const sent = posted.at(-1)?.body;
  assert.equal([sent.summary, sent.severity], ['forged tokens', 'high']);
  assert.equal(sent.vulnerabilities, [{ package: { ecosystem: 'other', name: 'strange' } }]);
  assert.not.ok(existsSync(join(world.root, 'advisories')));
});

test('a webhook is told in its own markup, also of what failed; one that is away fails nothing', async () => {
  const told: { text: string }[] = [];
  const hook = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk) => (text += chunk));
    request.on('end', () => {
      told.push(JSON.parse(text));
      response.end('ok');
    });
  });
  await new Promise<void>((done) => hook.listen(0, '127.0.0.1', done));
  const file = join(world.root, '.env.staging');
  const before = readFileSync(file, 'utf8');
  const at = (port: number) =>
    writeFileSync(file, `${before}RELEASE_WEBHOOK='http://127.0.0.1:${port}/services/secret'\n`);
  try {
    const unset = await hotfix('--secrets', 'none', '--notify', '--plan');
    assert.equal([unset.error?.code, unset.error?.exit], ['VARIABLE_MISSING', 2]);
    at((hook.address() as { port: number }).port);
    execFileSync(
      'git',
      ['-c', 'user.name=t', '-c', 'user.email=t@t', 'commit', '-q', '--allow-empty', '-m', 'a < b & c'],
      {
        cwd: world.root,
      },
    );
    const good = await hotfix('--secrets', 'none', '--no-test', 'x', '--notify');
    assert.is(good.error, undefined);
    assert.match(told[0]?.text ?? '', /^strange: [0-9a-f]{10} \(a &lt; b &amp; c\): staging is on version/);
    world.commit((source) => source.replace('BROKEN = false', 'BROKEN = true'));
    assert.ok((await hotfix('--secrets', 'none', '--no-test', 'x', '--notify')).error);
    assert.match(told[1]?.text ?? '', /^strange: release:hotfix did not come to its end .*staging is on version/);
    world.commit((source) => source.replace('BROKEN = true', 'BROKEN = false'));
    at(1);
    const away = await hotfix('--secrets', 'none', '--no-test', 'x', '--notify');
    assert.is(away.error, undefined);
    assert.match(away.said.join('\n'), 'Nobody was told: the webhook of RELEASE_WEBHOOK cannot be reached');
    assert.not.match(away.said.join('\n'), 'services/secret');
  } finally {
    writeFileSync(file, before);
    hook.close();
  }
});

test.run();
