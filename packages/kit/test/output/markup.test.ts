// Uses no service: what is written is read by a Markdown parser, tables, raw HTML and links of bare addresses included.
import markdownIt from 'markdown-it';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { htmlText, markdownFence, markdownText } from '../../src/output/markup.ts';
import { shownLine } from '../../src/output/shown.ts';
import { registerSecret } from '../../src/redact.ts';
import { THOROUGH } from '../../src/testing/index.ts';

const test = suite('text from outside in Markdown and HTML');
const reader = markdownIt({ html: true, linkify: true });
const NASTY = [
  ...['<!-- t', '-->', '```', '`', '~~~', '**', '_', '|', '\\|', '\\', '\n', '\n\n', '\r\n## h', '    code', '\t'],
  ...['[a](javascript:alert(1))', '![x](http://evil.example/x.png)', '<img src=x onerror=alert(1)>', '</details>'],
  ...['# h', '- item', '+ item', '1. one', '12) two', '> quote', '---', '===', ': d', '[^1]: note', '[ref]: http://x'],
  ...[
    'http://evil.example',
    'www.evil.example',
    'a@evil.example',
    '@team/all',
    '&lt;',
    '&#8203;',
    '$x$',
    ':--',
    '| --- |',
  ],
  ...['\u202eabc', '\u200b', '\x1b[31m', '::error::x', '##[x]', 'word', 'Größe', ' ', '*', '<', '>', '&', '"', "'"],
];

/** What a reader sees, and which elements it stands in. */
function read(markdown: string): { text: string; tags: string } {
  const html = reader.render(markdown);
  const tags = [...html.matchAll(/<\/?([a-z0-9!-]+)/g)].map(([, tag]) => tag).join(' ');
  const text = html
    .replaceAll(/<[^>]*>/g, '')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&');
  return { text: text.replaceAll('\n', '').replaceAll('@\u200b', '@'), tags };
}

/** The same numbers in every run. */
function* numbers(seed: number): Generator<number> {
  for (let n = seed; ; ) {
    n = (n * 48_271) % 2_147_483_647;
    yield n;
  }
}

function* texts(): Generator<string> {
  yield* NASTY;
  for (const first of NASTY) for (const second of NASTY) yield first + second;
  const random = numbers(7);
  const next = () => random.next().value as number;
  for (let round = 0; round < (THOROUGH ? 20_000 : 2_000); round++)
    yield Array.from({ length: 2 + (next() % 6) }, () => NASTY[next() % NASTY.length]).join('');
}

test('a text is read as itself in a paragraph, a heading, a list and a cell', () => {
  for (const text of texts()) {
    const seen = shownLine(text).trim();
    const safe = markdownText(text);
    assert.not.match(safe, /<!--|\n/, text);
    // Blanks at an end, and in a row, mean nothing.
    const same = ({ text: found }: { text: string }) =>
      found.trim().replaceAll(/\s+/g, ' ') === seen.replaceAll(/\s+/g, ' ');
    const places: [string, string][] = [
      [`${safe} x`, 'p p'],
      [`## a ${safe}`, 'h2 h2'],
      [`- **CODE** ${safe}`, 'ul li strong strong li ul'],
    ];
    for (const [markdown, tags] of places) assert.is(read(markdown).tags, tags, JSON.stringify([text, markdown]));
    assert.ok(same(read(`${safe} `)), JSON.stringify([text, safe, read(safe).text]));
    const table = `| h | i |\n|---|---|\n| a | ${safe} |\n| b | c |`;
    assert.is(
      read(table)
        .tags.split(' ')
        .filter((tag) => tag === 'td').length,
      8,
      JSON.stringify([text, table]),
    );
    assert.is(
      read(table).text,
      read(`| h | i |\n|---|---|\n| a | X |\n| b | c |`).text.replace('X', () => read(safe).text),
    );
  }
});

test('code stays behind its fence', () => {
  for (const text of texts()) {
    const lines = markdownFence(['SELECT 1', text, '```', '-- end'], 'sql');
    assert.is(
      read(`- x\n\n${lines.map((line) => `  ${line}`).join('\n')}\n\n- y`).tags,
      'ul li p p pre code code pre li li p p li ul',
    );
  }
});

test('HTML shows a text, in an element and in an attribute', () => {
  for (const text of texts()) assert.not.match(htmlText(text), /[<>"'\n]|&(?!(amp|lt|gt|quot|#39);)/);
  assert.is(htmlText('a\n\u202eb<'), 'a\\n\\u202eb&lt;');
});

test('a secret is masked before it is escaped', () => {
  registerSecret('se_cret*with<signs>');
  assert.is(markdownText('x se_cret*with<signs> y'), 'x \\*\\*\\* y');
  assert.is(htmlText('x se_cret*with<signs> y'), 'x *** y');
  assert.equal(markdownFence(['se_cret*with<signs>'], ''), ['```', '***', '```']);
});

test.run();
