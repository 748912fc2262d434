// Uses promtool, the format's own checker, as the judge of what is well-formed.
import { spawnSync } from 'node:child_process';
import { requireTool } from '@drydock/kit';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseMetrics } from '../../src/metrics/parse.ts';
import { FakeProduct, STEADY } from '../traffic.ts';

const test = suite('parsing of metrics');
const message = (text: string) => {
  try {
    parseMetrics(text, 0);
  } catch (error) {
    return (error as Error).message;
  }
  return 'well-formed';
};
/** promtool also finds fault with names and missing help (exit 3); 1 is what cannot be read at all. */
const promtoolReads = (text: string) =>
  spawnSync(requireTool('promtool'), ['check', 'metrics'], { input: text }).status !== 1;

const WELL_FORMED: Record<string, string> = {
  'a value': 'a 1\n',
  'labels, a timestamp, a comma at the end': 'a{b="c",d="e",} 1.5e3 1700000000000\n',
  'escapes in a label': 'a{path="C:\\\\x",say="\\"hi\\"",two="1\\n2"} 1\n',
  'infinities and NaN': '# TYPE a gauge\na{b="1"} +Inf\na{b="2"} -Inf\na{b="3"} NaN\n',
  'blanks and comments': '# a word\n\n# HELP a what it is\n# TYPE a counter\n  a 1\n\ta{b="c"}\t2\n',
  'braces without labels': 'a{} 1\n',
  'braces inside a label': 'a{b="}{,"} 1\n',
};
const MALFORMED: Record<string, [string, RegExp]> = {
  'no value': ['a 1\nb\n', /^Line 2 of the metrics cannot be read: b has "" where its value should be\.$/],
  'a word as value': ['a 1\nb{c="d"} many\n', /^Line 2 .*: b has the value "many", which is no number\.$/],
  'a label without quotes': ['a{b=c} 1\n', /^Line 1 .*: a has malformed labels near "b=c} 1"\.$/],
  'a label that does not end': ['a{b="c} 1\n', /^Line 1 .*: a has malformed labels/],
  'a label twice': ['a{b="c",b="d"} 1\n', /^Line 1 .*: a has the label b twice\.$/],
  'braces that do not close': ['a{b="c" 1\n', /^Line 1 .*: a has malformed labels/],
  'a name with a dash': ['a-b 1\n', /^Line 1 .*: a has "-b 1" where its value should be\.$/],
  'a web page': ['<html>\n<body>No</body>\n', /^Line 1 .*: <html> is no name of a metric\.$/],
  'half a line': ['# TYPE a counter\na 1\nb{c="d"', /^Line 3 .*: b has malformed labels/],
  'a type there is not': ['# TYPE a speed\na 1\n', /^Line 1 .*: a has the type "speed"/],
};

for (const [what, text] of Object.entries(WELL_FORMED))
  test(`${what}: read, as promtool does`, () => {
    assert.is(message(text), 'well-formed');
    assert.ok(promtoolReads(text));
  });

for (const [what, [text, expected]] of Object.entries(MALFORMED))
  test(`${what}: refused by line and name, as promtool does`, () => {
    assert.match(message(text), expected);
    assert.not.ok(promtoolReads(text));
  });

test('nothing at all is not a page of metrics', () => {
  assert.match(message(''), 'the page has no metric at all');
  assert.match(message('# TYPE a counter\n'), 'the page has no metric at all');
});

test('what prom-client writes arrives as it was: names, labels, values, and counters announced without a series', async () => {
  const product = new FakeProduct(1);
  product.run(60, { ...STEADY, errorShare: 0 });
  const scrape = await product.scrape();
  assert.ok(scrape.announced.has('http_errors_total'));
  assert.not.ok(scrape.series.has('http_errors_total'));
  const counts = scrape.series.get('http_request_duration_seconds_count') ?? [];
  const jobs = counts.filter(({ labels }) => labels.route === '/api/jobs').reduce((sum, { value }) => sum + value, 0);
  assert.is(jobs, product.truth.length);
});

test('escapes mean what they mean', () => {
  const { series } = parseMetrics('a{path="C:\\\\x",say="\\"hi\\"",two="1\\n2"} 1\n', 0);
  assert.equal(series.get('a')?.[0]?.labels, { path: 'C:\\x', say: '"hi"', two: '1\n2' });
});

test.run();
