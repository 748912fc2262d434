// Uses PostgreSQL, Redis and the sink, which answers as Sentry and PostHog do: a secret that has leaked is ended at once, by the task that people type.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseEnv } from '@drydock/kit';
import { taskFile } from '@drydock/kit/cli';
import { makeStrangeProduct, runTaskForTest, whenThorough } from '@drydock/kit/testing';
import {
  startTestPostgres,
  startTestRedis,
  startTestSink,
  type TestPostgres,
  type TestSink,
} from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { startStandIn } from './faults/product.ts';
import { givesFlags, knowsProject, takesEvents } from './faults/sink.ts';
import { logIn } from './redis/world.ts';

const test = suite('an emergency');
const EMERGENCY = ['--emergency', '--reason', 'in a public log'];
/** Promised: an emergency ends within. */
const MOST_MS = 5_000;
const LOOK_MS = 20;
let postgres: TestPostgres;
let sink: TestSink;
test.before(async () => {
  [postgres, sink] = await Promise.all([startTestPostgres(), startTestSink()]);
});
test.after(async () => void (await Promise.all([postgres.stop(), sink.stop()])));

interface Leaked {
  secret: object;
  env: Record<string, string>;
  variable: string;
  /** Whether the service takes a value. */
  takes(value: string): Promise<boolean>;
  /** Nobody but a person starts the product. */
  byHand?: boolean;
}

async function open({ secret, env, variable, takes, byHand = false }: Leaked) {
  const standIn = await startStandIn(env);
  const root = makeStrangeProduct(
    {
      environments: { development: { guard: 'none' }, staging: { guard: 'none' } },
      secrets: {
        rotate: { it: secret },
        ...(byHand ? {} : { redeploy: { command: standIn.command([variable]) } }),
      },
    },
    { OPS_DATABASE_URL: await postgres.createDatabase(), PUBLIC_URL: standIn.url, ...env },
  );
  const first = env[variable] ?? '';
  const held = () => parseEnv(readFileSync(join(root, '.env.staging'), 'utf8'))[variable] ?? '';
  const run = async (task: string, ...args: string[]) => {
    const { default: definition } = await import(taskFile(task));
    const yes = definition.kind === 'change' ? ['--yes'] : [];
    return runTaskForTest(definition, root, ['--env', 'staging', ...yes, ...args]);
  };
  return {
    ...{ root, held, standIn, run },
    /** The rotation, and how long after the new one was written the old one was refused. */
    async rotate(...args: string[]) {
      let [promoted, refused, going] = [0, 0, true];
      const watching = (async () => {
        for (; going && !refused; await sleep(LOOK_MS)) {
          promoted ||= held() === first ? 0 : Date.now();
          if (!(await takes(first))) refused = Date.now();
        }
      })();
      const { outcome, error, said } = await run('secrets:rotate', 'it', ...EMERGENCY, ...args);
      going = false;
      await watching;
      return { outcome, error, said: said.join('\n'), tookMs: refused ? refused - (promoted || refused) : undefined };
    },
    stop: () => standIn.stop(),
  };
}

async function sentryWith({ refusalMs = 0, more = {} }): Promise<Leaked> {
  await sink.setUp({ settings: { refusalMs } });
  const id = ++projects;
  const project = { id, organization: sink.sentry.organization, slug: `web-${id}`, keys: [{ public: `first${id}` }] };
  await sink.setUp({ sentry: { projects: [project] } });
  return {
    secret: {
      kind: 'sentry',
      organization: project.organization,
      project: project.slug,
      takenWithinSeconds: 5,
      ...more,
    },
    env: {
      SENTRY_DSN: sink.sentryDsn.replace(/\/\/\w+@/, `//first${id}@`).replace(/\d+$/, String(id)),
      SENTRY_AUTH_TOKEN: sink.sentry.token,
    },
    variable: 'SENTRY_DSN',
    takes: takesEvents,
  };
}
let projects = 20;

async function postHogWith(key: 'project' | 'secret'): Promise<Leaked> {
  const id = ++projects;
  const [own, secretly] = [`phc_first${id}`, `phs_first${id}`];
  await sink.setUp({
    posthog: { projects: [{ id, organization: 'acme', api_token: own, secret_api_token: secretly }] },
  });
  const env = {
    POSTHOG_KEY: own,
    POSTHOG_HOST: sink.url,
    POSTHOG_API_KEY: sink.posthog.token,
    POSTHOG_PROJECT_ID: String(id),
  };
  return {
    secret: key === 'project' ? { kind: 'posthog' } : { kind: 'posthog', key, variable: 'POSTHOG_FLAGS_KEY' },
    env: key === 'project' ? env : { ...env, POSTHOG_FLAGS_KEY: secretly },
    variable: key === 'project' ? 'POSTHOG_KEY' : 'POSTHOG_FLAGS_KEY',
    takes: (value) => (key === 'project' ? knowsProject(sink, value) : givesFlags(sink, own, value)),
  };
}

for (const [name, leaked] of Object.entries({
  'a DSN of Sentry': () => sentryWith({}),
  "PostHog's project key": () => postHogWith('project'),
  "PostHog's secret key": () => postHogWith('secret'),
}))
  test(`${name} is refused within five seconds of the new one's being in use`, async () => {
    const what = await leaked();
    const world = await open(what);
    const { error, outcome, tookMs = Number.NaN } = await world.rotate();
    assert.is(error, undefined, error?.message);
    assert.match(outcome?.verdict ?? '', 'rotated, and the old one is ended');
    assert.ok(tookMs <= MOST_MS, `${tookMs} ms`);
    console.log(`  ${name}: ${tookMs} ms`);
    assert.is(world.standIn.runsWith[what.variable], world.held());
    world.stop();
  });

whenThorough(test)(
  'where Sentry goes on taking it, as its documentation says, the run waits and proves it',
  async () => {
    const slow = await open(await sentryWith({ refusalMs: 1_500, more: { refusedWithinSeconds: 30 } }));
    const { error, tookMs = Number.NaN } = await slow.rotate('--wait', '60s');
    assert.is(error, undefined, error?.message);
    assert.ok(tookMs > 1_000, `${tookMs} ms`);
    slow.stop();
  },
);

test('where it may not wait so long, it says until when, and goes on later', async () => {
  const later = await open(await sentryWith({ refusalMs: 4_000, more: { refusedWithinSeconds: 30 } }));
  const { error } = await later.rotate('--wait', '0s');
  assert.equal([error?.code, error?.exit], ['PAUSED', 3]);
  assert.match(error?.message ?? '', /was ended, and the service still takes it, as it may until \d{4}-.*Z/);
  assert.match(String(error?.hint), 'ops:resume');
  assert.is(later.standIn.runsWith.SENTRY_DSN, later.held());
  await sleep(4_000);
  const ended = await later.run('secrets:rotate', '--resume');
  assert.is(ended.error, undefined, ended.error?.message);
  assert.match(ended.outcome?.verdict ?? '', 'rotated, and the old one is ended');
  later.stop();
});

test('where a person has to start the product, the old one is ended all the same, and they are told to start it now', async () => {
  const redis = await startTestRedis();
  try {
    const world = await open({
      secret: { kind: 'redis' },
      env: { REDIS_URL: redis.url, OPS_REDIS_URL: redis.operatorUrl },
      variable: 'REDIS_URL',
      takes: async (value) => (await logIn(value)) === 'OK',
      byHand: true,
    });
    const plan = await world.run('secrets:rotate', 'it', ...EMERGENCY, '--plan');
    assert.match(plan.said.join('\n'), 'the old one ends at once, and with it whoever still uses it');
    const { error, outcome, said, tookMs = Number.NaN } = await world.rotate();
    assert.is(error, undefined, error?.message);
    assert.ok(tookMs <= MOST_MS, `${tookMs} ms`);
    assert.match(said, 'start the product again by hand now');
    assert.match(outcome?.verdict ?? '', 'rotated, and the old one is ended');
    assert.equal(
      outcome?.findings?.map(({ code, level }) => `${level} ${code}`),
      ['warn START_BY_HAND'],
    );
    assert.match(
      outcome?.findings?.[0]?.message ?? '',
      /it: what runs was started with the old one, which is refused now/,
    );
    assert.is(world.standIn.runsWith.REDIS_URL, redis.url);
    assert.is(await logIn(world.held()), 'OK');
    world.stop();
  } finally {
    await redis.stop();
  }
});

test.run();
