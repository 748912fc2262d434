// Uses no service.
import { Writable } from 'node:stream';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { shownJson, shownLine, shownLines, shownName } from '../../src/output/shown.ts';
import { createOutput } from '../../src/output/terminal.ts';
import { painted } from '../../src/output/text.ts';
import { registerSecret } from '../../src/redact.ts';

const test = suite('text from outside');
const chars = (...codes: number[]) => codes.map((code) => String.fromCodePoint(code)).join('');
/** Every character that a terminal obeys, that turns text around, or that nobody sees. */
const UNSEEN = [
  ...Array.from({ length: 0x20 }, (_, code) => code),
  ...Array.from({ length: 0x21 }, (_, at) => 0x7f + at),
  ...[0xad, 0x61c, 0x180e, 0x115f, 0x3164, 0xfeff, 0xfff9, 0xd800, 0xe0041, 0xe0100],
  ...[0x200b, 0x200c, 0x200d, 0x200e, 0x200f, 0x2028, 0x2029, 0x202a, 0x202b, 0x202c, 0x202d],
  ...Array.from({ length: 0x10 }, (_, at) => 0x2060 + at),
  0x202e,
];

function said(isTTY = false): { out: ReturnType<typeof createOutput>; written: () => string } {
  let text = '';
  const stream = new Writable({
    decodeStrings: false,
    write: (chunk, _, done) => {
      text += chunk;
      done();
    },
  });
  Object.assign(stream, { isTTY, columns: 80, rows: 24, getColorDepth: () => (isTTY ? 4 : 1) });
  return { out: createOutput(stream as unknown as NodeJS.WriteStream), written: () => text };
}

test('what nobody sees is shown, and text that people write stays', () => {
  for (const code of UNSEEN) {
    const shown = shownLine(`a${chars(code)}b`);
    assert.match(shown, /^a\\(n|r|t|u[0-9a-f]{4}|u\{[0-9a-f]+\})b$/, code.toString(16));
    assert.is(shownLine(shown), shown, 'once is enough');
  }
  const plain = 'Größe 100 %, naïve – “quoted” 日本語 עברית ⚠️ 🛑 C:\\temp :: a#b ## title';
  assert.is(shownLine(plain), plain);
});

test('no CI takes a command from a line', () => {
  const commands = [
    '::error file=x::faked',
    '  ::stop-commands::pwn',
    '\u00a0::set-output name=a::b',
    'said ##[stop-commands]pwn',
    '##vso[task.setvariable variable=x]y',
    "a ##teamcity[buildStatus status='SUCCESS']",
    '###[group]x',
  ];
  for (const command of commands) {
    const line = shownLine(command);
    assert.not.match(line, /^\s*::|##\w*\[/);
    assert.is(line.replaceAll(' ', ''), command.replaceAll(' ', ''), 'it can still be read');
    assert.not.match(shownLines(`no\n${command}`).join('\n'), /^\s*::|##\w*\[/m);
  }
  assert.is(shownLine('a::b'), 'a::b');
});

test('a newline begins no line, in whatever place it is shown', () => {
  const name = 'db\n✔ staging is healthy.\r\n::error::x\u2028\u0085\x1b[2K';
  const { out, written } = said();
  out.line(`part ${name}`);
  out.line([painted('red', name), name]);
  out.warn(name);
  out.table(['part', name], [[name, name]]);
  const progress = out.progress(name);
  progress.done(name);
  out.progress('b').fail(name);
  const lines = written().split('\n');
  assert.is(lines.length, 1 + 1 + 1 + 3 + 2 + 2 + 1, 'as many lines as were said, and the last one ends');
  for (const line of lines) {
    assert.not.match(line, /^\s*(✔ staging|::)/);
    for (const char of ['\x1b', '\u2028', '\u0085']) assert.not.match(line, char);
  }
});

test('on a terminal the only escapes are our own', () => {
  // The runner of the tests wants none.
  for (const name of ['NO_COLOR', 'FORCE_COLOR', 'NODE_DISABLE_COLORS']) delete process.env[name];
  const { out, written } = said(true);
  out.line([painted('red', 'ours'), ' theirs \x1b[31mred\x1b[0m']);
  assert.match(written(), '\x1b[31mours\x1b[39m');
  assert.not.match(written(), '\x1b[31mred');
  const progress = out.progress('a\x1b[2Jb\nc');
  progress.update('\x1b]0;title\x07');
  out.live()?.draw(['\x1b[2J\nx']);
  progress.done();
  for (const theirs of ['\x1b[2J', '\x1b]0', '\x07', 'b\nc']) assert.not.match(written(), theirs);
});

test('off a terminal a step is named when it begins, so that a log tells what hangs', () => {
  const { out, written } = said();
  const progress = out.progress('db:deploy');
  assert.is(written(), '→ db:deploy\n');
  progress.done('db:deploy  12 ms');
  assert.is(written(), '→ db:deploy\n✔ db:deploy  12 ms\n');
});

test('JSON says the same when it is read, and gives nobody a command', () => {
  const data = {
    'key ##[x]': '##[stop-commands]pwn',
    text: `a${chars(0x1b, 0x7f, 0x9b, 0x202e, 0x2028, 0xe0041)}\n::error`,
    n: 12345678901234,
    none: null,
  };
  for (const json of [shownJson(data), shownJson(data, 2)]) {
    assert.equal(JSON.parse(json), data);
    assert.not.match(json, /##\[|[^\n -~]/);
  }
});

test('a secret is masked in JSON as a value, never as a key or a number', () => {
  registerSecret('1234567890123456');
  registerSecret('a-key-that-is-secret');
  const json = shownJson({ 'a-key-that-is-secret': 1234567890123456, id: 'a-key-that-is-secret' });
  assert.equal(JSON.parse(json), { 'a-key-that-is-secret': 1234567890123456, id: '***' });
});

test('a name is quoted where one would not see where it ends', () => {
  assert.is(shownName('job-1.a:b@c'), 'job-1.a:b@c');
  assert.is(shownName('a b "c"'), '"a b \\"c\\""');
  assert.is(shownName('a\nb'), '"a\\nb"');
  assert.is(shownName(''), '""');
});

test.run();
