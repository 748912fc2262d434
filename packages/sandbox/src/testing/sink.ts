import type { z } from 'zod';
import type { faultSchema } from '../serve/sink/faults.ts';
import type { SinkSetup, worldSchema } from '../serve/sink/world.ts';
import type { SinkEvent } from '../serve/sink.ts';
import { startNodeService } from './node-service.ts';

const ORGANIZATION = 'acme';
const SCOPES = ['project:read', 'project:write', 'project:admin'];
/** One project at Sentry and one at PostHog, and an operator who may do everything with them. */
const SENTRY = {
  organization: ORGANIZATION,
  project: 'web',
  projectId: 1,
  key: 'testkey',
  token: 'sntryu_test-operator',
};
const POSTHOG = { projectId: 1, key: 'phc_test', secretKey: 'phs_test', token: 'phx_test-operator' };

type Kept = z.output<typeof worldSchema>;

export interface TestSink {
  url: string;
  sentryDsn: string;
  sentry: typeof SENTRY;
  posthog: typeof POSTHOG;
  events(kind: SinkEvent['kind']): Promise<SinkEvent[]>;
  /** Forgets what was sent. */
  forget(): Promise<void>;
  /** Adds projects, keys of new projects and tokens; changes settings. */
  setUp(setup: SinkSetup): Promise<void>;
  /** As it is now. */
  world(): Promise<Kept>;
  /** From now on, and in the place of those before; also begins the list of calls anew. */
  faults(...faults: z.input<typeof faultSchema>[]): Promise<void>;
  /** `POST /api/1/envelope/`, in order. */
  calls(): Promise<string[]>;
  stop(): Promise<void>;
}

/** Stands in for Sentry and PostHog (src/serve/sink.ts). */
export async function startTestSink(settings: SinkSetup['settings'] = {}): Promise<TestSink> {
  const { port, stop } = await startNodeService('sink');
  const url = `http://127.0.0.1:${port}`;
  const get = async <T>(path: string) => (await fetch(`${url}${path}`)).json() as Promise<T>;
  const put = async (path: string, body: unknown) => {
    const { ok, status } = await fetch(`${url}${path}`, { method: 'PUT', body: JSON.stringify(body) });
    if (!ok) throw new Error(`the sink answered ${status} to ${path}`);
  };
  const { organization, project: slug, projectId: id, key, token } = SENTRY;
  await put('/_world', {
    settings,
    sentry: {
      projects: [{ id, organization, slug, keys: [{ public: key }] }],
      tokens: [{ token, organization, scopes: SCOPES }],
    },
    posthog: {
      projects: [{ id: POSTHOG.projectId, organization, api_token: POSTHOG.key, secret_api_token: POSTHOG.secretKey }],
      tokens: [{ token: POSTHOG.token, organization, scopes: SCOPES }],
    },
  } satisfies SinkSetup);
  return {
    url,
    sentryDsn: `http://${key}@127.0.0.1:${port}${settings.prefix ?? ''}/${id}`,
    sentry: SENTRY,
    posthog: POSTHOG,
    events: (kind) => get(`/_events?kind=${kind}`),
    forget: async () => void (await fetch(`${url}/_events`, { method: 'DELETE' })),
    setUp: (setup) => put('/_world', setup),
    world: () => get('/_world'),
    faults: (...faults) => put('/_faults', faults),
    calls: () => get('/_calls'),
    stop,
  };
}
