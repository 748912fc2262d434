// Uses no service.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseMetrics } from '../../src/metrics/parse.ts';
import { inVain } from '../../src/metrics/reach.ts';
import { parseSelector } from '../../src/metrics/selector.ts';

const test = suite('selectors that nothing can match');
const why = (matchers: string, values: string[], label = 'l') =>
  inVain(
    parseMetrics(values.map((value) => `a{${label}="${value}",other="x"} 1\n`).join(''), 0),
    parseSelector(`a{${matchers}}`),
    () => '',
  );

const VAIN: [string, string[]][] = [
  ['code="500"', ['200']],
  ['code=~"5.."', ['200']],
  ['l="5xx"', ['200', '503']],
  ['l=~"5xx|5XX"', ['200', '503']],
  ['l=~"5"', ['200']],
  ['l="0503"', ['200']],
  ['l="error"', ['200', '404']],
  ['l!~"..."', ['200', '404']],
  ['l="503"', ['2xx', '4xx']],
  ['l="5XX"', ['2xx', '4xx']],
  ['l="5xx"', ['success']],
  ['l=~"5.."', ['success', 'failed']],
  ['l=~"5.."', ['200 OK', '404 Not Found']],
  ['l="ERROR"', ['ok']],
  ['l="1"', ['true']],
  ['l="server_error"', ['SUCCESS']],
  ['l="FAILED"', ['SUCCESS', 'SERVER_ERROR']],
];
const MAY_COME: [string, string[]][] = [
  ['l="503"', ['200']],
  ['l=~"5.."', ['200', '404']],
  ['l=~"5[0-9]{2}"', ['200']],
  ['l=~"5\\\\d\\\\d"', ['200']],
  ['l=~"5.*"', ['2xx']],
  ['l="5xx"', ['2xx', '4xx']],
  ['l="failure"', ['success']],
  ['l=~"fail.*|abort.*"', ['success']],
  ['l="SERVER_ERROR"', ['SUCCESS']],
  ['l=~".*_ERROR"', ['SUCCESS']],
  ['l="false"', ['true']],
  ['l="POST"', ['GET']],
  ['l="/api/b"', ['/api/a']],
  ['l=~"5.. .*"', ['200 OK']],
  ['l="14"', ['0']],
  ['l!~"2..|3..|4.."', ['200']],
  ['l!="ok"', ['ok']],
  ['missing=""', ['x']],
  ['missing!~"x"', ['x']],
  ['l="old"', ['new', 'code']],
];

for (const [matchers, values] of VAIN)
  test(`{${matchers}} where there are ${values}: never`, () => assert.ok(why(matchers, values)));
for (const [matchers, values] of MAY_COME)
  test(`{${matchers}} where there are ${values}: not yet`, () => assert.is(why(matchers, values), undefined));

test('what is there is no question, and a metric without a series says nothing', () => {
  assert.is(why('l="503",other="x"', ['503']), undefined);
  assert.is(
    inVain(parseMetrics('b 1\n', 0), parseSelector('a{x="1"}'), () => ''),
    undefined,
  );
});

test.run();
