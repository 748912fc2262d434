// Uses no service: env files as people write them.
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is what env files have.
import { chmodSync, chownSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import check from '../../scripts/env-check.ts';
import log from '../../scripts/ops-log.ts';
import { loadConfig } from '../../src/config/load.ts';
import { loadEnvironment } from '../../src/env/environment.ts';
import { parseEnv } from '../../src/env/file/read.ts';
import { unreadLines } from '../../src/env/file/text.ts';
import type { OpsError } from '../../src/errors.ts';
import { runTaskForTest } from '../../src/testing/index.ts';

const test = suite('env files');
const DATABASE = 'DATABASE_URL=postgresql://u:p@h/d\n';

/** A product with one environment and these files. */
function product(files: Record<string, string | Buffer>, environments: object = { production: {} }): string {
  const root = mkdtempSync(join(process.env.DRYDOCK_TEST_ROOT ?? tmpdir(), 'drydock-env-'));
  const config = { product: 'shop', environments };
  writeFileSync(join(root, 'drydock.config.ts'), `export default ${JSON.stringify(config)};\n`);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(root, name), text, { mode: 0o600 });
  return root;
}
async function load(root: string, shell: NodeJS.ProcessEnv = {}, env = 'production') {
  return loadEnvironment(await loadConfig(undefined, root), env, shell);
}
const notesOf = async (root: string) =>
  (await load(root)).notes().map(({ code, line, level }) => [code, line, level].filter((part) => part !== undefined));

test('$NAME and ${NAME} are what those are, in whatever file and order they stand, and the shell wins', async () => {
  const root = product({
    '.env': `URL="postgresql://\${USER_OF}:\${PW}@$HOST/d?schema=\${SCHEMA:-public}"\nHOST=h.base\nUSER_OF=app\nPW='a$b\${USER_OF}#c'\n`,
    '.env.production': 'HOST=h.live\nMAIL=${MISSING-nobody}@${HOST}\nON=${HOST:+yes}\n',
  });
  const environment = await load(root);
  assert.is(
    environment.get('URL'),
    'postgresql://app:a$b${USER_OF}#c@h.live/d?schema=public',
    'what was put in is not looked into',
  );
  assert.equal([environment.get('MAIL'), environment.get('ON')], ['nobody@h.live', 'yes']);
  const shelled = await load(root, { HOST: 'h.shell', SCHEMA: 'other' });
  assert.match(shelled.get('URL') ?? '', /@h\.shell\/d\?schema=other$/);
  assert.equal(environment.notes(), []);
});

test('a $ of a password stays: in single quotes, behind a backslash, and where it refers to nothing', async () => {
  const values = parseEnv(
    'A=\'pa$HOME$$\'\nB="pa\\$A"\nC=pa$$word$1\nD="x${NOBODY}y"\nE=`$A`\nF=$(date)\nG=a\\$A\nH=${A}${A}\nI=${NOBODY:-${B}}\nJ=$\n',
  );
  assert.equal(values, {
    A: 'pa$HOME$$',
    B: 'pa$A',
    C: 'pa$$word$1',
    D: 'x${NOBODY}y',
    E: 'pa$HOME$$',
    F: '$(date)',
    G: 'a$A',
    H: 'pa$HOME$$pa$HOME$$',
    I: 'pa$A',
    J: '$',
  });
  const root = product({ '.env': `${DATABASE}C=pa$$word\nX=\${X}\n` });
  assert.equal(await notesOf(root), [
    ['ENV_REFERENCE_UNKNOWN', 2, 'warn'],
    ['ENV_REFERENCE_UNKNOWN', 3, 'warn'],
  ]);
});

test('what refers to itself in a circle, or would grow without end, ends', () => {
  assert.equal(parseEnv('A=x${B}\nB=y${A}\n'), { A: 'x${B}', B: 'y${A}' });
  const bomb = Array.from({ length: 60 }, (_, i) => `A${i}=\${A${i + 1}}\${A${i + 1}}`).join('\n');
  assert.ok((parseEnv(`${bomb}\nA60=${'x'.repeat(50)}\n`).A0?.length ?? 0) < 1_000_000);
});

test('quotes, comments, export, spaces, CRLF, a byte order mark and several lines are read as dotenv reads them', () => {
  const text =
    '\uFEFFexport A = "1" # c\r\nB: 2\r\n  C = with spaces \r\nD=\'a # b\'\r\nE="x\r\ny"\r\nF=`it\'s "so"`\r\nG=\r\n';
  assert.equal(parseEnv(text), { A: '1', B: '2', C: 'with spaces', D: 'a # b', E: 'x\ny', F: 'it\'s "so"', G: '' });
  assert.equal(unreadLines(text), []);
});

test('UTF-16 is read, with and without its mark; it is said, as other programs read nothing of it', async () => {
  const text = 'DATABASE_URL=postgresql://ü:p@h/d\r\nB=2\r\n';
  const little = Buffer.from(text, 'utf16le');
  const big = Buffer.from(little).swap16();
  for (const bytes of [
    little,
    Buffer.concat([Buffer.from([0xff, 0xfe]), little]),
    big,
    Buffer.concat([Buffer.from([0xfe, 0xff]), big]),
  ]) {
    const root = product({ '.env': bytes });
    assert.is((await load(root)).get('DATABASE_URL'), 'postgresql://ü:p@h/d');
    assert.equal(await notesOf(root), [['ENV_FILE_UTF16', 'warn']]);
  }
  assert.equal(await notesOf(product({ '.env': Buffer.from('A=\xe9\n', 'latin1') })), [['ENV_FILE_NOT_UTF8', 'warn']]);
});

test('what cuts a value, swallows the next, stands twice or says nothing is told by file and line', async () => {
  const root = product({
    '.env': `${DATABASE}PW=abc#def\nOK=abc # a comment\nQ="open\nno variable\nPW=again\nKEY="-----BEGIN\nAAAA==\n-----END"\nLONG="a\nB=1\n"\nCOLOUR=#fff\n`,
  });
  assert.equal(await notesOf(root), [
    ['ENV_LINE_UNREAD', 5, 'warn'],
    ['ENV_VALUE_CUT', 2, 'warn'],
    ['ENV_QUOTE_OPEN', 4, 'error'],
    ['ENV_NAME_TWICE', 6, 'warn'],
    ['ENV_VALUE_LONG', 10, 'warn'],
    ['ENV_VALUE_CUT', 13, 'warn'],
  ]);
  const { outcome } = await runTaskForTest(check, root, []);
  assert.match(JSON.stringify(outcome), 'PW ends before the # (.env:2)');
  assert.match(outcome?.verdict ?? '', 'not as it should be in 1 place');
});

test('a folder in the place of a file is passed over, and said', async () => {
  const root = product({ '.env': DATABASE });
  mkdirSync(join(root, '.env.local'));
  assert.is((await load(root)).get('DATABASE_URL'), 'postgresql://u:p@h/d');
  assert.equal(await notesOf(root), [['ENV_FILE_IS_FOLDER', 'warn']]);
});

test('a file that no environment reads is told of, with the one that was probably meant; those of other tools are theirs', async () => {
  const files = {
    '.env.stagging': '',
    '.env.local.staging': '',
    '.env.example': '',
    '.env.test': '',
    '.env.bak': '',
    '.envrc': '',
  };
  const root = product({ '.env': DATABASE, ...files }, { staging: {}, production: {} });
  const notes = (await load(root)).notes();
  assert.equal(
    notes.map(({ file, level, hint }) => [file, level, hint]),
    [
      ['.env.bak', 'info', undefined],
      ['.env.local.staging', 'warn', 'Did you mean .env.staging.local?'],
      ['.env.stagging', 'warn', 'Did you mean .env.staging?'],
    ],
  );
});

test('secrets that everybody on the machine can read are told of; a folder that is closed above them closes them', async () => {
  const root = product({ '.env': DATABASE, '.env.production': 'PLAIN=1\n' });
  for (const name of ['.env', '.env.production']) chmodSync(join(root, name), 0o644);
  assert.equal(await notesOf(root), [], 'mkdtemp makes it for us alone');
  chmodSync(root, 0o755);
  const open = (await notesOf(root)).map(([code]) => code);
  // Where the temporary folder itself is closed to others, so is what lies in it.
  assert.ok(open.length === 0 || open.join() === 'ENV_FILE_READABLE', open.join());
});

test('a variable that is missing has a word on what was not read', async () => {
  const { error } = await runTaskForTest(log, product({ '.env.prodution': DATABASE }), []);
  assert.equal([error?.code, error?.exit], ['VARIABLE_MISSING', 2]);
  assert.match(error?.hint ?? '', /perhaps: npm run env:check -- --env production$/);
});

const asOther = process.getuid?.() === 0 ? test : test.skip;
asOther('a file that we may not read is refused (exit 2), not taken for one that sets nothing', async () => {
  const root = product({ '.env': DATABASE, '.env.production': DATABASE });
  chmodSync(root, 0o755);
  chownSync(join(root, '.env'), 65_534, 65_534);
  const config = await loadConfig(undefined, root);
  process.seteuid?.(65_534);
  let error: OpsError | undefined;
  try {
    loadEnvironment(config, 'production', {});
  } catch (thrown) {
    error = thrown as OpsError;
  } finally {
    process.seteuid?.(0);
  }
  assert.equal([error?.code, error?.exit], ['ENV_FILE_UNREADABLE', 2]);
  assert.match(error?.message ?? '', `${join(root, '.env.production')} cannot be read (EACCES)`);
});

test('an address in quotes of its own names the line; what it refers to and is not there as well', async () => {
  for (const [text, why] of [
    [`A=1\nDATABASE_URL="'postgresql://u:p@h/d'"\n`, 'stands in quotes that are part of the value'],
    [`A=1\nDATABASE_URL="postgresql://u:p@h/d\n`, 'begins with a quote that is never closed'],
    ['A=1\nDATABASE_URL=${NOBODY}\n', 'must be a postgresql:// URL'],
  ] as const) {
    const root = product({ '.env': text });
    const environment = await load(root);
    assert.throws(
      () => environment.get('DATABASE_URL'),
      (error: OpsError) =>
        error.code === 'VARIABLE_MALFORMED' &&
        error.message === `DATABASE_URL of production ${why}; the value comes from ${join(root, '.env')}:2.`,
    );
  }
});

test.run();
