import { randomUUID } from 'node:crypto';
import { startTestSink, type TestSink } from '@drydock/sandbox/testing';
import type { Subject } from './team.ts';

/** Does Sentry take an event with this DSN? */
export async function takesEvents(dsn: string): Promise<boolean> {
  const { username, origin, pathname } = new URL(dsn);
  const id = randomUUID().replaceAll('-', '');
  const url = `${origin.replace(`${username}@`, '')}/api${pathname}/envelope/?sentry_key=${username}`;
  const body = `{"event_id":"${id}"}\n{"type":"event"}\n{"event_id":"${id}"}\n`;
  return isTaken(fetch(url, { method: 'POST', body }));
}

/** Does PostHog know this project key? */
export function knowsProject({ url }: Pick<TestSink, 'url'>, key: string): Promise<boolean> {
  return isTaken(
    fetch(`${url}/flags/?v=2`, { method: 'POST', body: JSON.stringify({ token: key, distinct_id: 'd' }) }),
  );
}

/** Does PostHog take this secret key for flags of a project? */
export function givesFlags({ url }: Pick<TestSink, 'url'>, project: string, key: string): Promise<boolean> {
  return isTaken(fetch(`${url}/flags/definitions?token=${project}`, { headers: { authorization: `Bearer ${key}` } }));
}

async function isTaken(asked: Promise<Response>): Promise<boolean> {
  const answer = await asked;
  await answer.body?.cancel();
  return answer.status === 200;
}

export async function sentrySubject(databaseUrl: string): Promise<Subject> {
  const sink = await startTestSink({ refusalMs: 0 });
  const { organization, project, token } = sink.sentry;
  const keys = async () => (await sink.world()).sentry.projects.find(({ slug }) => slug === project)?.keys ?? [];
  return {
    secret: { kind: 'sentry', organization, project, takenWithinSeconds: 20, refusedWithinSeconds: 20 },
    databaseUrl,
    env: { SENTRY_DSN: sink.sentryDsn, SENTRY_AUTH_TOKEN: token },
    variables: ['SENTRY_DSN'],
    works: ({ SENTRY_DSN = '' }) => takesEvents(SENTRY_DSN),
    live: async ({ SENTRY_DSN = '' }, before) => ({
      keys: (await keys()).map((key) => (key.public === new URL(SENTRY_DSN).username ? key.isActive : 'another')),
      before: await takesEvents(before.SENTRY_DSN ?? ''),
    }),
    stop: () => sink.stop(),
  };
}

/** The public key, of which there is one at a time. */
export async function postHogSubject(databaseUrl: string): Promise<Subject> {
  const sink = await startTestSink();
  return {
    secret: { kind: 'posthog' },
    databaseUrl,
    env: postHogEnv(sink),
    variables: ['POSTHOG_KEY'],
    live: async ({ POSTHOG_KEY = '' }, before) => ({
      now: await knowsProject(sink, POSTHOG_KEY),
      before: await knowsProject(sink, before.POSTHOG_KEY ?? ''),
    }),
    stop: () => sink.stop(),
  };
}

/** The one for flags, of which there are two for a while. */
export async function postHogFlagsSubject(databaseUrl: string): Promise<Subject> {
  const sink = await startTestSink();
  const { key, secretKey } = sink.posthog;
  const variable = 'POSTHOG_FLAGS_KEY';
  return {
    secret: { kind: 'posthog', key: 'secret', variable },
    databaseUrl,
    env: { ...postHogEnv(sink), [variable]: secretKey },
    variables: [variable],
    works: ({ [variable]: held = '' }) => givesFlags(sink, key, held),
    live: async ({ [variable]: now = '' }, before) => {
      const [project] = (await sink.world()).posthog.projects;
      return {
        isFirst: project?.secret_api_token === now,
        backup: project?.secret_api_token_backup,
        before: await givesFlags(sink, key, before[variable] ?? ''),
      };
    },
    stop: () => sink.stop(),
  };
}

function postHogEnv({ url, posthog: { key, token, projectId } }: TestSink) {
  return { POSTHOG_KEY: key, POSTHOG_HOST: url, POSTHOG_API_KEY: token, POSTHOG_PROJECT_ID: String(projectId) };
}
