// Uses no service: pages whose faults are known, through the loop that a real gate runs.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { said } from '../recorded/replay.ts';
import { BEGAN, HOUR_AGO, inconclusive, judgedOf, page, run, TYPES } from './made.ts';

const test = suite('what a gate cannot know');

const FAILING = (look: number) => page({ ok: 1_000 + look * 285, failed: 50 + look * 15 });

for (const [what, errors, says] of [
  [
    'on a label that no series has',
    '{code=~"5.."}',
    /no series of it has the label code; they have method, route, status_code/,
  ],
  [
    'for a value that can never be',
    '{status_code="5xx"}',
    /status_code="5xx" is no kind of value that status_code has; it has 200, 503/,
  ],
  ['for a pattern that no status can match', '{status_code=~"5xx"}', /no kind of value/],
  ['that leaves every status out', '{status_code!~"[0-9]+"}', /no kind of value/],
] as const)
  test(`a selector ${what} is no 0 %: it is inconclusive, and says which labels there are`, async () => {
    const result = await run(FAILING, { errors: `http_request_duration_seconds_count${errors}` });
    inconclusive(result, 'SELECTOR_IN_VAIN', says, /health\.metrics\.errors/);
  });

test('a selector for a status that nobody has had yet passes, and fails once it is there', async () => {
  const errors = 'http_request_duration_seconds_count{status_code=~"5.."}';
  const good = await run((look) => page({ ok: 1_000 + look * 300 }), { errors });
  assert.is(good.verdict, 'pass', said(good));
  assert.is((await run(FAILING, { errors })).verdict, 'fail');
});

test('a word that is not there yet may come; one of another writing may not', async () => {
  const told = (look: number) =>
    `${page({ ok: 1_000 + look * 300, errors: null })}# TYPE calls_total counter\ncalls_total{outcome="success"} ${look * 300}\n`;
  assert.is((await run(told, { errors: 'calls_total{outcome="failure"}' })).verdict, 'pass');
  inconclusive(
    await run(told, { errors: 'calls_total{outcome="5xx"}' }),
    'SELECTOR_IN_VAIN',
    /it has success/,
    /errors/,
  );
});

test('one of two instances that has another label is seen', async () => {
  const errors = 'http_request_duration_seconds_count{status_code=~"5.."}';
  const two = (look: number) => {
    const old = page({ ok: 500 + look * 100, failed: look * 50, instance: 'b' }).replaceAll('status_code', 'status');
    return page({ ok: 1_000 + look * 300, instance: 'a' }) + old;
  };
  inconclusive(await run(two, { errors }), 'SELECTOR_IN_VAIN', /the label status_code.*, at b/, /errors/);
});

test('a processor time that no series can match is not 0 %', async () => {
  const result = await run((look) => page({ ok: look * 300, cpu: look * 3 }), {
    cpu: 'process_cpu_seconds_total{core="0"}',
  });
  inconclusive(result, 'SELECTOR_IN_VAIN', /CPU \(cpu\).*the label core/, /health\.metrics\.cpu/);
});

/** Two processes that answer in turn; what each has counted so far. */
const inTurn = (a: (look: number) => string, b: (look: number) => string) => (look: number) =>
  look % 2 === 0 ? a(look) : b(look);
const ONE_ADDRESS = [/Several instances answer at the address/, /Set METRICS_URLS to the address of each/] as const;

test('two healthy instances behind one address are told, and are no crash loop', async () => {
  const result = await run(
    inTurn(
      (look) => page({ ok: 900_000 + look * 300, start: HOUR_AGO }),
      (look) => page({ ok: 5_000 + look * 300, start: HOUR_AGO + 900 }),
    ),
  );
  inconclusive(result, 'SEVERAL_INSTANCES', ...ONE_ADDRESS);
  assert.not.match(JSON.stringify(result.findings), 'CRASH_LOOP');
});

test('so are three that have all just started', async () => {
  const now = BEGAN / 1_000;
  const result = await run((look) => page({ ok: 50 + look * 300, start: now - 20 * (look % 3) }));
  inconclusive(result, 'SEVERAL_INSTANCES', ...ONE_ADDRESS);
});

for (const [what, started] of [
  ['with', [HOUR_AGO, HOUR_AGO + 900]],
  ['without', [null, null]],
] as const) {
  test(`one of two that fails half of its requests is not diluted by the other's past, ${what} start times`, async () => {
    const result = await run(
      inTurn(
        (look) => page({ ok: 900_000 + look * 300, start: started[0] }),
        (look) => page({ ok: 5_000 + look * 150, failed: 500 + look * 150, start: started[1] }),
      ),
    );
    assert.is(result.verdict, 'inconclusive', said(result));
    assert.match(said(result), started[0] === null ? /no start time says|Several/ : ONE_ADDRESS[0]);
  });

  test(`errors of last week on one of two are no errors of now, ${what} start times`, async () => {
    for (const first of [0, 1]) {
      const result = await run((look) =>
        (look + first) % 2 === 0
          ? page({ ok: 90_000 + look * 300, failed: 5_000, start: started[0] })
          : page({ ok: 1_000 + look * 300, start: started[1] }),
      );
      assert.is(result.verdict, 'inconclusive', said(result));
    }
  });
}

test('two that were started in the same second are told by counters that go back and forth', async () => {
  const result = await run(
    inTurn(
      (look) => page({ ok: 20_000 + look * 300, cpu: 90 + look * 0.5 }),
      (look) => page({ ok: 10_000 + look * 300, cpu: 40 + look * 0.5 }),
    ),
  );
  inconclusive(result, 'PROCESS_UNKNOWN', /Several counters fell at once/, /METRICS_URLS/);
});

test('a restart is counted in and passes; without a start time nobody knows that it was one', async () => {
  const now = BEGAN / 1_000;
  const restarted = (start: number | null) => (look: number) =>
    look < 6
      ? page({ ok: 9_000 + look * 300, start: start && HOUR_AGO })
      : page({ ok: 20 + (look - 6) * 300, start: start && now + 11 });
  assert.is((await run(restarted(1))).verdict, 'pass');
  inconclusive(await run(restarted(null)), 'PROCESS_UNKNOWN', /no start time says/, /health\.metrics\.started/);
});

test('a product without a start time that does nothing odd passes, and fails by what is bad', async () => {
  assert.is((await run((look) => page({ ok: 1_000 + look * 300, start: null }))).verdict, 'pass');
  const bad = await run((look) => page({ ok: 1_000 + look * 200, failed: look * 100, start: null }));
  assert.is(bad.verdict, 'fail');
  assert.ok(bad.windows.length < 8, 'and need not be watched to its end');
});

test('a histogram without +Inf does not pass its slowest requests, and says so', async () => {
  const slow = (look: number) => page({ ok: look * 320, slow: look * 64, bounds: ['0.1', '0.4', '1'] });
  inconclusive(
    await run(slow),
    'HISTOGRAM_OPEN',
    /has no bucket le="\+Inf"/,
    /ends in a bucket le="\+Inf" that equals its _count/,
  );
});

for (const [what, edit, says] of [
  [
    'whose _count is more than its last bucket',
    (text: string) => text.replace(/(_count\{.*) (\d+)$/m, (_, a, n) => `${a} ${Number(n) * 1.3}`),
    /counts \S+ requests, and \d+ in its last bucket/,
  ],
  ['whose _count is no number', (text: string) => text.replace(/(_count\{.*) \d+$/m, '$1 NaN'), /counts NaN requests/],
  [
    'with a bucket that is no number',
    (text: string) => text.replace(/(le="\+Inf".*) \d+$/m, '$1 NaN'),
    /has NaN in the bucket/,
  ],
  ['that counts requests without a bucket', (text: string) => text.replaceAll(/^.*_bucket.*\n/gm, ''), /has no bucket/],
] as const)
  test(`a histogram ${what} is inconclusive`, async () => {
    const result = await run((look) => edit(page({ ok: 1_000 + look * 300 })));
    inconclusive(result, 'HISTOGRAM_OPEN', says, /_count/);
  });

test('an objective for every route has none where no request could be counted, and that is no pass', async () => {
  const objectives = {
    latency: [{ route: '*', method: 'GET', quantile: 0.95, belowMs: 400 }],
    ...{ errors: null, cacheHits: null, blocks: null, cpu: null, gc: null, memory: null },
  };
  const open = (look: number) => page({ ok: look * 320, slow: look * 64, bounds: ['0.1', '0.4', '1'] });
  inconclusive(await run(open, {}, 12, objectives), 'NOT_JUDGED', /could not be counted: .* le="\+Inf"/, /_count/);
  const whole = await run((look) => page({ ok: look * 320 }), {}, 12, objectives);
  assert.is(whole.verdict, 'pass', said(whole));
});

test('three starts behind one address within a few looks are no crash loop yet', async () => {
  const now = BEGAN / 1_000;
  const result = await run((look) => page({ ok: 50 + look * 300, start: now + Math.min(2 * (look % 3), 5) - 1 }));
  inconclusive(result, 'SEVERAL_INSTANCES', ...ONE_ADDRESS);
});

test('a request that ends in the middle of a scrape is no fault of a histogram', async () => {
  const result = await run((look) =>
    page({ ok: 1_000 + look * 300 }).replace(/(_count\{.*) (\d+)$/m, (_, a, n) => `${a} ${Number(n) + (look % 2)}`),
  );
  assert.is(result.verdict, 'pass', said(result));
});

for (const [what, errors] of [
  ['gone', (look: number) => (look === 5 ? null : 500)],
  ['zero', (look: number) => (look === 5 ? 0 : 500)],
  ['no number', (look: number) => (look === 5 ? Number.NaN : 500)],
  ['gone for good', (look: number) => (look >= 5 ? null : 500)],
  ['begun again', (look: number) => (look >= 5 ? look - 5 : 500)],
] as const)
  test(`a counter that is ${what} in a process that goes on is not known, and no new errors`, async () => {
    const result = await run((look) => page({ ok: 10_000 + look * 300, errors: errors(look) }));
    inconclusive(
      result,
      'COUNTER_LOST',
      /error rate.*not restarted, http_errors_total|a series of http_errors_total/,
      /reset or remove/,
    );
    assert.ok((judgedOf(result, 'errors')?.value ?? 0) < 0.01, said(result));
  });

test('processor time that is a little lower once is no 215 %', async () => {
  const result = await run((look) => page({ ok: look * 300, cpu: 100 + look * 0.6 - (look === 5 ? 0.7 : 0) }), {}, 20);
  assert.is(judgedOf(result, 'cpu')?.verdict, 'inconclusive');
  assert.ok((judgedOf(result, 'cpu')?.value ?? 1) < 0.4);
});

test('le="1" that becomes le="1.0" is the same bucket', async () => {
  const result = await run((look) =>
    page({ ok: 10_000 + look * 300, bounds: look < 5 ? ['0.1', '0.4', '1', '+Inf'] : ['0.10', '4e-1', '1.0', '+Inf'] }),
  );
  assert.is(result.verdict, 'pass', said(result));
  assert.match(judgedOf(result, 'latency:GET /api/jobs')?.shown ?? '', /bucket 0 ms to 100 ms/);
});

test('an instance that is new at an address is no restart: scaling out passes', async () => {
  const now = BEGAN / 1_000;
  const scaled = (look: number) => {
    const old = ['a', 'b'].map((instance) => page({ ok: 5_000 + look * 300, instance }));
    const fresh = ['c', 'd'].map((instance) => page({ ok: (look - 4) * 300, instance, start: now + 9 }));
    return [...old, ...(look >= 5 ? fresh : [])].join('');
  };
  const result = await run(scaled);
  assert.is(result.verdict, 'pass', said(result));
  assert.not.match(JSON.stringify(result.findings), /CRASH_LOOP|RESTARTED/);
});

test('an instance that does not answer every time is counted all the same', async () => {
  const flaky = (look: number) =>
    page({ ok: 5_000 + look * 300, instance: 'a' }) +
    (look % 2 === 0 ? page({ ok: 5_000 + look * 150, failed: look * 150, instance: 'b' }) : '');
  const result = await run(flaky);
  assert.is(result.verdict, 'fail', said(result));
  assert.equal(result.offending, ['errors']);
});

test('instances with different buckets are not added bound by bound', async () => {
  const below = (at: number, bounds: number[], instance: string, count: number) =>
    [...bounds, '+Inf']
      .map(
        (le) =>
          `http_request_duration_seconds_bucket{le="${le}",method="GET",route="/api/jobs",instance="${instance}"} ${Number(le) < at ? 0 : count}\n`,
      )
      .join('');
  const rest = ['a', 'b'].map(
    (one) => `http_errors_total{instance="${one}"} 0\nprocess_start_time_seconds{instance="${one}"} ${HOUR_AGO}\n`,
  );
  const two = (seconds: number) => (look: number) =>
    `${TYPES}${below(seconds, [0.1, 0.4, 1], 'a', look * 150)}${below(seconds, [0.1, 0.25, 0.5, 1], 'b', look * 150)}${rest.join('')}`;
  const quick = await run(two(0.09));
  assert.is(quick.verdict, 'pass', said(quick));
  // None of 300 ms is beyond the bound, half would be if the buckets of one were counted for both.
  const told = judgedOf(await run(two(0.3)), 'latency:GET /api/jobs');
  assert.is(told?.verdict, 'inconclusive');
  assert.match(told?.reason ?? '', /different buckets.* from 0 % to/);
});

test('what different buckets leave open is not guessed', async () => {
  const bucket = (instance: string, all: Record<string, number>) =>
    Object.entries(all)
      .map(
        ([le, count]) =>
          `http_request_duration_seconds_bucket{le="${le}",method="GET",route="/api/jobs",instance="${instance}"} ${count}\n`,
      )
      .join('');
  const result = await run((look) => {
    const n = look * 100;
    const rest = ['a', 'b'].map(
      (one) => `http_errors_total{instance="${one}"} 0\nprocess_start_time_seconds{instance="${one}"} ${HOUR_AGO}\n`,
    );
    // One in five of b takes 450 ms, which its own buckets tell.
    return `${TYPES}${bucket('a', { 0.3: n, 0.5: n, '+Inf': n })}${bucket('b', { 0.3: n * 0.84, 0.4: n * 0.84, 0.5: n, '+Inf': n })}${rest.join('')}`;
  });
  inconclusive(result, 'UNCLEAR', /different buckets/, /./);
});

test.run();
