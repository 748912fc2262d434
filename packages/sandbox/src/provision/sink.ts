import { createHash, randomBytes } from 'node:crypto';
import type { EnvName } from '@drydock/kit';
import type { SinkSetup } from '../serve/sink/world.ts';
import type { SandboxState } from '../state.ts';

/** Of all environments, at Sentry and at PostHog. */
const ORGANIZATION = 'sandbox';
/** Sentry's 300 s, for people who wait for it. */
const REFUSAL_MS = 5_000;
/** A machine that has just started ten services is busy. */
const TIMEOUT_MS = 30_000;
/** The project that all environments had once, with their names as its keys: what still runs may send to it. */
const SHARED = 1;

/** A project of each environment, at Sentry and at PostHog; the number follows from its name. */
export function projectNumber(env: EnvName): number {
  return Number.parseInt(createHash('sha256').update(env).digest('hex').slice(0, 7), 16) + 2;
}

/** Projects, their first keys, and who may change them. What is there already keeps the keys that it has now. */
export async function provisionSink(state: SandboxState, port: number): Promise<void> {
  for (const secrets of Object.values(state.environments)) {
    secrets.sentryKey ??= randomBytes(16).toString('hex');
    secrets.sentryToken ??= `sntryu_${randomBytes(32).toString('hex')}`;
    secrets.posthogToken ??= `phx_${randomBytes(32).toString('hex')}`;
  }
  const environments = Object.entries(state.environments);
  const organization = ORGANIZATION;
  const scopes = ['project:read', 'project:write', 'project:admin'];
  const tokens = (which: 'sentryToken' | 'posthogToken') =>
    environments.map(([, secrets]) => ({ token: secrets[which] ?? '', organization, scopes }));
  const setup: SinkSetup = {
    settings: { refusalMs: REFUSAL_MS },
    sentry: {
      projects: [
        { id: SHARED, organization, slug: 'shared', keys: environments.map(([env]) => ({ public: env })) },
        ...environments.map(([env, { sentryKey = '' }]) => ({
          ...{ id: projectNumber(env), organization, slug: env, keys: [{ public: sentryKey }] },
        })),
      ],
      tokens: tokens('sentryToken'),
    },
    posthog: {
      projects: environments.map(([env]) => ({ id: projectNumber(env), organization, api_token: `phc_${env}` })),
      tokens: tokens('posthogToken'),
    },
  };
  const answer = await fetch(`http://127.0.0.1:${port}/_world`, {
    ...{ method: 'PUT', body: JSON.stringify(setup), signal: AbortSignal.timeout(TIMEOUT_MS) },
  });
  if (!answer.ok) throw new Error(`the sink did not take its projects (${answer.status})`);
}

/** Is it a sink, and one that knows of projects? */
export async function hasWorld(port: number): Promise<boolean> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  return fetch(`http://127.0.0.1:${port}/_world`, { signal }).then(
    ({ ok }) => ok,
    () => false,
  );
}
