// Uses git and npm: the files that init writes, and what it says is missing.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig } from '@drydock/kit';
import { taskProcesses } from '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { PLAIN, productWith, read, run } from './product.ts';

const test = suite('what init writes');

test('no value leaves the env files', async () => {
  const secrets = {
    DATABASE_URL: 'postgresql://app:pa55word-of-db@db.internal/shop',
    API_TOKEN: 'tok_0123456789',
    PLAIN_SETTING: 'a-plain-setting',
  };
  const env = Object.entries(secrets).map(([name, value]) => `${name}=${value}\n`);
  const root = productWith({ ...PLAIN, '.env': env.join('') }, { git: 'main' });
  const { outcome, said } = await run(root, '--yes');
  const journals = readdirSync(join(root, '.drydock/runs')).map((name) =>
    read(root, `.drydock/runs/${name}/journal.jsonl`),
  );
  const written = ['package.json', 'drydock.config.ts', '.gitignore', '.env.staging.example'].map((path) =>
    read(root, path),
  );
  for (const text of [JSON.stringify(outcome), ...said, ...journals, ...written])
    for (const value of ['pa55word-of-db', 'tok_0123456789', 'a-plain-setting', 'db.internal'])
      assert.not.match(text, value);
  assert.match(read(root, '.env.staging.example'), /^API_TOKEN=$/m);
});

test('an example says what each variable is for, by the words of the product’s own', async () => {
  const root = productWith({
    ...PLAIN,
    '.env.example': '# Where mail goes\nSMTP_HOST=mail.internal\n# OLD_KEY=abc\nOTHER=1\n',
  });
  await run(root, '--yes', '--environments', 'dev,prod');
  const example = read(root, '.env.prod.example');
  assert.match(example, '# Where mail goes\nSMTP_HOST=\n');
  assert.not.match(example, /mail\.internal|OLD_KEY/);
  assert.match(read(root, '.env.dev.example'), /^NODE_ENV=$/m);
  assert.equal((await loadConfig(undefined, root)).environments.dev?.serves, 'developers');
});

test('package.json keeps its look: tabs, line ends, mark, order, what stands on one line', async () => {
  const text =
    '\uFEFF{\r\n\t"name": "shop",\r\n\t"files": ["a", "b"],\r\n\t"scripts": {\r\n\t\t"db:status": "mine"\r\n\t},\r\n\t"private": true\r\n}';
  const root = productWith({ ...PLAIN, 'package.json': text });
  await run(root, '--yes', '--release', 'no');
  const changed = read(root, 'package.json');
  assert.ok(changed.startsWith(text.slice(0, text.indexOf('"mine"') + 6)));
  assert.ok(changed.endsWith('\r\n\t},\r\n\t"private": true\r\n}'));
  assert.is(changed.replaceAll('\r\n', '').includes('\n'), false);
  const { scripts } = JSON.parse(changed.slice(1));
  assert.is(scripts['db:status'], 'mine');
  assert.match(scripts['db:deploy'], /^npm --prefix .* run --silent db:deploy -- --config "\$PWD"$/);
});

test('where the package is installed, the scripts are its command and the config has its types', async () => {
  const root = productWith({ ...PLAIN, 'node_modules/drydock/package.json': '{}' });
  await run(root, '--yes');
  assert.is(JSON.parse(read(root, 'package.json')).scripts['db:status'], 'drydock db:status');
  assert.match(read(root, 'drydock.config.ts'), "} satisfies import('drydock').DrydockConfig;\n");
  assert.is((await loadConfig(undefined, root)).product, 'shop');
});

test('a script that reaches the toolkit works from the product’s folder', async () => {
  const root = productWith({ ...PLAIN, '.env': 'DATABASE_URL=postgresql://localhost:1/shop\n' });
  await run(root, '--yes');
  const said = execFileSync('sh', ['-c', 'npm run db:status -- --env staging --json 2>/dev/null || true'], {
    cwd: root,
    encoding: 'utf8',
  });
  assert.match(said, 'PostgreSQL at localhost:1 cannot be reached');
});

test('a second run changes nothing, says what is there, and offers what is new', async () => {
  const root = productWith({ ...PLAIN, '.env': 'DATABASE_URL=postgresql://localhost/shop\n' }, { git: 'main' });
  await run(root, '--yes');
  const own = 'export default { product: "mine" };\n';
  writeFileSync(join(root, 'drydock.config.ts'), own);
  writeFileSync(join(root, '.env.staging.example'), 'MINE=\n');
  writeFileSync(join(root, 'src.ts'), "app.get('/healthz')");
  const names = readdirSync(root).filter((name) => statSync(join(root, name)).isFile());
  const before = names.map((name) => read(root, name));
  // In a process of its own: a module that was loaded is not read again.
  const { code, stdout } = await taskProcesses(root).run('init', '--yes');
  assert.is(code, 0);
  assert.match(stdout, 'Everything that init writes for mine is there already.');
  assert.equal(
    names.map((name) => read(root, name)),
    before,
  );
  assert.match(stdout, /There already, and left as it is: .*drydock\.config\.ts/);
  assert.match(stdout, /CONFIG_THERE.*health: \{ path: '\/healthz', token: null \},/s);
});

test('--plan shows the files and writes none, not even the folder of the state', async () => {
  const root = productWith({ ...PLAIN });
  const before = readdirSync(root);
  const { said } = await run(root, '--plan');
  assert.equal(readdirSync(root), before);
  for (const line of ['export default {', "product: 'shop',", '"db:status": "npm --prefix', 'drydock.config.ts'])
    assert.ok(
      said.some((one) => one.includes(line)),
      line,
    );
});

test('git ignores what has values and takes the examples, whatever .gitignore said before', async () => {
  for (const [before, lines] of [
    [undefined, ['.env', '.env.local', '.env.*.local']],
    ['node_modules\r\n.env*', ['!.env.*.example']],
    ['.env\n.env.*\n!.env.*.example\n', []],
  ] as const) {
    const files = before === undefined ? {} : { '.gitignore': before };
    const root = productWith({ ...PLAIN, ...files, '.env': 'API_TOKEN=tok_0123456789\n' }, { git: 'main' });
    await run(root, '--yes');
    const git = (path: string) =>
      execFileSync('sh', ['-c', `git check-ignore --quiet ${path} && echo ignored || echo taken`], {
        cwd: root,
        encoding: 'utf8',
      }).trim();
    assert.equal(['.env', '.env.production.local', '.env.production.example', '.drydock/runs'].map(git), [
      'ignored',
      'ignored',
      'taken',
      'ignored',
    ]);
    const after = existsSync(join(root, '.gitignore')) ? read(root, '.gitignore') : '';
    assert.equal(
      after
        .slice(before?.length ?? 0)
        .split(/\r?\n/)
        .filter(Boolean),
      [...lines],
    );
    if (before?.includes('\r\n')) assert.not.match(after.replaceAll('\r\n', ''), '\n');
  }
});

test('an env file with secrets that git has already is told', async () => {
  const root = productWith({ ...PLAIN, '.env': 'API_TOKEN=tok_0123456789\n' }, { git: 'main' });
  execFileSync('git', ['add', '.env'], { cwd: root });
  const { outcome } = await run(root, '--yes');
  assert.match(outcome?.findings?.find(({ code }) => code === 'ENV_FILE_TRACKED')?.hint ?? '', 'git rm --cached .env');
});

test('what is missing is told with what it would bring and what to type', async () => {
  const root = productWith({
    ...PLAIN,
    '.env': 'DATABASE_URL=postgresql://a.pooler.example:6543/shop?pgbouncer=true\n',
  });
  const { outcome } = await run(root, '--yes');
  const codes = outcome?.findings?.map(({ code }) => code) ?? [];
  assert.equal(codes, ['DATABASE_BY_POOLER', 'URL_SHARED', 'BACKUPS', 'HEALTH', 'PUBLIC_URL', 'PROXY', 'GIT']);
  assert.ok(
    outcome?.findings?.every(({ hint }) => hint),
    'each has what to type',
  );
  assert.match(outcome?.next ?? '', 'npm run doctor -- --env development');
});

test.run();
