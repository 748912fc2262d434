// Uses no service.
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is what env files have.
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { loadConfig, loadEnvironment, type OpsError, parseEnv, Secret, unreadLines } from '@drydock/kit';
import { makeStrangeProduct } from '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { dotenvStore } from '../src/store/dotenv.ts';
import { setInEnv } from '../src/store/env-text.ts';
import { previousOf } from '../src/store/previous.ts';
import { teamOf } from '../src/team/team.ts';

const test = suite('env files as a store');

const product = (text: string | Buffer = '', config: object = {}): string => {
  const root = makeStrangeProduct({ secrets: {}, ...config });
  writeFileSync(join(root, '.env.staging'), text, { mode: 0o600 });
  return root;
};
async function storeIn(root: string, shell: NodeJS.ProcessEnv = {}, env = 'staging') {
  const config = await loadConfig(undefined, root);
  const environment = loadEnvironment(config, env, shell);
  return dotenvStore({ config, environment, team: teamOf(config, environment) });
}
const secrets = (values: Record<string, string | null>) =>
  Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, value === null ? null : new Secret(value, name)]),
  );
async function refusal(work: () => unknown): Promise<OpsError> {
  try {
    await work();
  } catch (error) {
    return error as OpsError;
  }
  throw new Error('it was not refused');
}
const read = (root: string, name = '.env.staging') => readFileSync(join(root, name), 'utf8');

const HARD = `\uFEFF# the first line
export  KEY = "old" # why
URL=http://x/#fragment
PLAIN=abc
  INDENTED='x'\t
COLON: value
EMPTY=
MULTI="one
KEY=not this one
three"
LITERAL='a\\nb'
KEY='older still' # twice
BACK=\`it's "so"\`
no variable at all
LAST=1`;

test('a value is replaced where it stands, and every other byte stays: comments, order, export, quotes of several lines, CRLF, a byte order mark', () => {
  for (const text of [HARD, HARD.replaceAll('\n', '\r\n'), `${HARD}\n\n`]) {
    const end = text.includes('\r\n') ? '\r\n' : '\n';
    assert.is(setInEnv(text, { PLAIN: 'new' }, 'f'), text.replace('PLAIN=abc', 'PLAIN=new'));
    assert.is(setInEnv(text, { KEY: 'new' }, 'f'), text.replace("KEY='older still' # twice", "KEY='new' # twice"));
    assert.is(setInEnv(text, { INDENTED: 'new' }, 'f'), text.replace("INDENTED='x'", "INDENTED='new'"));
    assert.is(setInEnv(text, { COLON: 'new' }, 'f'), text.replace('COLON: value', 'COLON: new'));
    assert.is(setInEnv(text, { EMPTY: 'new' }, 'f'), text.replace('EMPTY=', 'EMPTY=new'));
    assert.is(setInEnv(text, { MULTI: 'new' }, 'f'), text.replace(/MULTI="[^"]*"/, 'MULTI="new"'));
    assert.is(setInEnv(text, { LAST: 'new' }, 'f'), text.replace('LAST=1', 'LAST=new'));
    const added = setInEnv(text, { NEW: 'new' }, 'f');
    assert.is(added, `${text}${text.endsWith('\n') ? '' : end}NEW='new'${end}`);
    assert.equal(parseEnv(added), { ...parseEnv(text), NEW: 'new' });
  }
});

test('a variable is taken out with its line, wherever it stands', () => {
  const text = 'A=1\n\n# about B\nexport B=\'x\' # B\nC=3\nB="two\nlines"\nD=4';
  const out = setInEnv(text, { B: null, D: null, NONE: null }, 'f');
  assert.is(out, 'A=1\n\n# about B\nC=3\n');
  assert.is(setInEnv('A=1\r\nB=2\r\nC=3\r\n', { B: null }, 'f'), 'A=1\r\nC=3\r\n');
});

test('every value that dotenv-flow can read back is read back as it was; the others are refused, and nothing is written', () => {
  const values = [
    'a',
    '',
    ' ',
    'a b',
    '#',
    'a#b',
    ['a $b $', '{C} $(d)'].join(''),
    "it's",
    'say "so"',
    '`',
    '\'"',
    'a\nb',
    'a\r\nb',
    'a\\nb',
    'a\\',
    '=',
    'ü€😀',
    'a\'b"c',
    '\t',
    '"',
    "'",
    'x'.repeat(5000),
  ];
  for (const value of values)
    for (const text of [
      '',
      'X=1\n',
      'X=\nY=2\n',
      'X=\'1\'\r\nY="2"\r\n',
      'X="1" # c\n',
      'X=`1`',
      'export X=1',
      'X: 1\n',
    ]) {
      const wanted = { ...parseEnv(text), X: value };
      assert.equal(
        parseEnv(setInEnv(text, { X: value }, 'f')),
        wanted,
        `${JSON.stringify(value)} in ${JSON.stringify(text)}`,
      );
    }
  for (const value of [`'"\`#x`, 'a\0b']) {
    const error = (() => {
      try {
        return setInEnv('X=1\n', { X: value }, '.env.staging');
      } catch (thrown) {
        return thrown as OpsError;
      }
    })() as OpsError;
    assert.equal([error.code, error.exit], ['VALUE_NOT_KEPT', 2], JSON.stringify(value));
  }
});

test('a $ in a value begins no reference, whatever stands beside it and in which quotes the old one was', () => {
  for (const text of ['Y=1\nX=1\n', 'Y=1\nX="1"\n', 'Y=1\nX=`1`\n', 'Y=1\n'])
    for (const value of ['a$Y', '${Y}', "it's $Y", 'a\\$Y', '$', `'"$Y`, 'a\n$Y', "'\n$Y"])
      assert.equal(
        parseEnv(setInEnv(text, { X: value }, 'f')),
        { Y: '1', X: value },
        `${JSON.stringify(value)} in ${text}`,
      );
});

test('one that others refer to is changed, and they with it', () => {
  const text = 'URL=postgresql://app:${PW}@h/d\nPW=old\n';
  const out = setInEnv(text, { PW: 'new' }, 'f');
  assert.is(out, text.replace('old', 'new'));
  assert.is(parseEnv(out).URL, 'postgresql://app:new@h/d');
});

test('a value that would swallow its neighbour, where a quote is never closed, is refused', async () => {
  const text = "A=1\nOPEN='never closed\nKEY=1\n";
  const root = product(text);
  const store = await storeIn(root);
  const { code, message } = await refusal(() => store.write(secrets({ KEY: '#x' })));
  assert.is(code, 'VALUE_NOT_KEPT');
  assert.match(message, 'OPEN would be read otherwise');
  assert.is(read(root), text);
});

test('lines that dotenv drops without a word are found', () => {
  assert.equal(unreadLines(HARD), [14]);
  assert.equal(unreadLines('A=1\n\n# x\nB="a\nb"\n'), []);
  assert.equal(unreadLines("A=1\nB='open\nC\n"), [2, 3]);
});

test('written 0600, read back, with the version before kept encrypted; twice is once; nothing is left beside it', async () => {
  const root = product('# mine\nKEY=old\nOTHER=1\n');
  chmodSync(join(root, '.env.staging'), 0o640);
  const store = await storeIn(root);
  await store.refuse(['KEY', 'NEW']);
  await store.write(secrets({ KEY: 'new', OTHER: '1' }));
  assert.is(read(root), '# mine\nKEY=new\nOTHER=1\n');
  assert.is(statSync(join(root, '.env.staging')).mode & 0o777, 0o600);
  assert.equal((await store.read(['KEY', 'NONE'])).KEY?.reveal(), 'new');
  assert.is((await store.read(['NONE'])).NONE, null);
  const config = await loadConfig(undefined, root);
  const before = statSync(join(root, '.env.staging')).ino;
  await store.write(secrets({ KEY: 'new' }));
  assert.is(statSync(join(root, '.env.staging')).ino, before);
  const kept = previousOf(config, 'staging');
  assert.equal(
    kept.map(({ of, number }) => [of, number]),
    [['.env.staging', 1]],
  );
  const team = teamOf(config, loadEnvironment(config, 'staging', {}));
  assert.is(await team.open(readFileSync(kept[0]?.path ?? '', 'utf8'), 'it'), '# mine\nKEY=old\nOTHER=1\n');
  assert.equal(
    readdirSync(root).filter((name) => name.startsWith('.env')),
    ['.env.staging'],
  );
});

test('of each file twenty versions are kept, the newest, whatever the clock says', async () => {
  const root = product('KEY=v0\n');
  const store = await storeIn(root);
  for (let n = 1; n <= 23; n++) await store.write(secrets({ KEY: `v${n}` }));
  const kept = previousOf(await loadConfig(undefined, root), 'staging');
  assert.equal(
    kept.map(({ number }) => number),
    Array.from({ length: 20 }, (_, n) => n + 4),
  );
});

test('written where it stands; one that stands nowhere, or where every environment reads it, to the topmost file of its own', async () => {
  const root = product('A=1\n', { envDirs: ['.', 'more'] });
  mkdirSync(join(root, 'more'));
  writeFileSync(join(root, '.env'), 'SHARED=s\nA=0\n');
  writeFileSync(join(root, '.env.staging.local'), 'B=2\n');
  writeFileSync(join(root, 'more/.env.staging'), 'C=3\n');
  const store = await storeIn(root);
  await store.write(secrets({ A: 'a', B: 'b', C: 'c', SHARED: 'mine', NEW: 'n' }));
  assert.equal(
    [read(root), read(root, '.env'), read(root, '.env.staging.local')],
    ['A=a\n', 'SHARED=s\nA=0\n', 'B=b\n'],
  );
  assert.equal(
    [read(root, 'more/.env.staging'), read(root, 'more/.env.staging.local')],
    ['C=c\n', "SHARED='mine'\nNEW='n'\n"],
  );
  await store.write(secrets({ A: null, B: null, SHARED: null, NEW: null }));
  assert.is(read(root, '.env'), 'SHARED=s\nA=0\n');
  assert.equal(await store.read(['A', 'B', 'SHARED', 'NEW']), { A: null, B: null, SHARED: null, NEW: null });
});

test('a variable that is exported in the shell is told before anything changes (exit 2)', async () => {
  const root = product('KEY=old\n');
  const store = await storeIn(root, { KEY: 'from the shell' });
  const error = await refusal(() => store.refuse(['KEY']));
  assert.equal([error.code, error.exit], ['SECRET_IN_SHELL', 2]);
  assert.match(error.message, 'KEY is exported in your shell');
});

test('a link, a second name, a folder in its place, a file or folder of others, one that others may write: refused before anything is made', async () => {
  const code = async (spoil: (root: string, file: string) => void, name = 'KEY') => {
    const root = product('KEY=old\n');
    const file = join(root, '.env.staging');
    spoil(root, file);
    const before = existsSync(file) && statSync(file).isFile() ? readFileSync(file, 'utf8') : '';
    const store = await storeIn(root);
    const error = await refusal(() => store.refuse([name]));
    assert.is(error.exit, 2, error.message);
    assert.is((await refusal(() => store.write(secrets({ [name]: 'new' })))).code, error.code);
    if (before) assert.is(readFileSync(file, 'utf8'), before);
    assert.not.ok(existsSync(join(root, '.drydock')), 'nothing was made');
    chmodSync(root, 0o755);
    return error.code;
  };
  const moved = (link: (to: string, file: string) => void) => (root: string, file: string) => {
    renameSync(file, join(root, 'elsewhere'));
    link(join(root, 'elsewhere'), file);
  };
  assert.is(await code(moved(symlinkSync)), 'ENV_FILE_IS_LINK');
  assert.is(await code(moved(linkSync)), 'ENV_FILE_IS_LINK');
  assert.is(await code((_, file) => chmodSync(file, 0o666)), 'ENV_FILE_OPEN');
  const open = product('', { envDirs: ['.', 'open'] });
  mkdirSync(join(open, 'open'));
  chmodSync(join(open, 'open'), 0o777);
  assert.is((await refusal(async () => (await storeIn(open)).refuse(['NEW']))).code, 'ENV_FOLDER_OPEN');
  assert.is(
    await code((root) => symlinkSync('.env.staging', join(root, '.env.staging.local')), 'NEW'),
    'ENV_FILE_IS_LINK',
  );
  if (process.geteuid?.() !== 0) assert.is(await code((root) => chmodSync(root, 0o555)), 'ENV_FOLDER_NOT_WRITABLE');
  else assert.is(await code((_, file) => chownSync(file, 65_534, 65_534)), 'ENV_FILE_NOT_OURS');
});

test('what somebody else wrote meanwhile is not overwritten', async () => {
  const root = product('KEY=old\n');
  const config = await loadConfig(undefined, root);
  const environment = loadEnvironment(config, 'staging', {});
  const team = teamOf(config, environment);
  const meanwhile = {
    ...team,
    seal: async (text: string) => {
      writeFileSync(join(root, '.env.staging'), 'KEY=theirs\n');
      return team.seal(text);
    },
  };
  const error = await refusal(() =>
    dotenvStore({ config, environment, team: meanwhile }).write(secrets({ KEY: 'new' })),
  );
  assert.is(error.code, 'FILE_CHANGED');
  assert.is(read(root), 'KEY=theirs\n');
  assert.equal(
    readdirSync(root).filter((name) => name.startsWith('.env')),
    ['.env.staging'],
  );
});

test.run();
