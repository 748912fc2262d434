import { ask, NoAnswer, OpsError, type Secret, shownAddress, usageError } from '@drydock/kit';
import { z } from 'zod';
import { unknown } from '../../unknown.ts';
import { type AdminAccess, callAdmin } from '../admin-api.ts';
import type { RotatorContext } from '../types.ts';
import type { PostHogSecret } from './config.ts';

const TIMEOUT_MS = 10_000;
const MOST_BYTES = 4 * 1024 * 1024;
/** What its SDKs send to where nothing else is said. */
const CLOUD = 'https://us.i.posthog.com';

const projectSchema = z.object({
  api_token: z.string(),
  secret_api_token: z.string().nullish(),
  secret_api_token_backup: z.string().nullish(),
});
export type Keys = z.output<typeof projectSchema>;
export type Change = 'reset_token' | 'rotate_secret_token' | 'delete_secret_token_backup';

/** The keys of one project (posthog.com/docs/api/projects). */
export interface ProjectKeys {
  /** `project 42 at us.posthog.com` */
  label: string;
  read(): Promise<Keys>;
  change(change: Change): Promise<Keys>;
}

/** Undefined where no personal API key is set. */
export function projectKeysOf(ctx: RotatorContext<PostHogSecret>): ProjectKeys | undefined {
  const { environment, secret, signal } = ctx;
  if (!environment.has(secret.token)) return undefined;
  const id = environment.get(secret.project);
  if (!id)
    throw usageError(
      'POSTHOG_PROJECT_UNNAMED',
      `A personal API key for PostHog is set (${secret.token}), and the number of the project (${secret.project}) is not.`,
      `Set ${secret.project}: the number in the address of the project's page.`,
    );
  const home = new URL((secret.url ?? homeOf(hostOf(ctx))).replace(/\/*$/, '/'));
  // `@current` stands there as it is.
  const [organization, number] = [secret.organization, id].map((one) => encodeURIComponent(one).replace('%40', '@'));
  const project = new URL(`api/organizations/${organization}/projects/${number}/`, home);
  const access: AdminAccess = {
    ...{ service: 'PostHog', token: environment.secret(secret.token), variable: secret.token, signal },
    project: `project ${id}`,
  };
  return {
    label: `project ${id} at ${home.host}`,
    read: async () =>
      (
        await callAdmin(access, {
          ...{ method: 'GET', url: project, what: 'read the project', scope: 'project:read', schema: projectSchema },
        })
      ).data,
    change: async (change) =>
      (
        await callAdmin(access, {
          ...{ method: 'PATCH', url: new URL(`${change}/`, project), body: {} },
          ...{ what: `change its keys (${change})`, scope: 'project:write', schema: projectSchema },
        })
      ).data,
  };
}

export function hostOf({ environment, secret }: RotatorContext<PostHogSecret>): URL {
  return new URL((environment.get(secret.host) ?? CLOUD).replace(/\/*$/, '/'));
}

/** The cloud takes events elsewhere than where it is administrated. */
function homeOf(host: URL): string {
  const region = /^([a-z]+)\.i\.posthog\.com$/.exec(host.hostname)?.[1];
  return region ? `https://${region}.posthog.com` : host.href;
}

/** Is a key taken? Flags say it at once; capture answers 200 to any key (posthog.com/docs/api/flags). */
export async function isTaken(
  ctx: RotatorContext<PostHogSecret>,
  key: Secret,
  which: string,
): Promise<{ taken: boolean; says: string }> {
  const host = hostOf(ctx);
  const secretly = ctx.secret.key === 'secret';
  const url = new URL(secretly ? 'flags/definitions' : 'flags/?v=2', host);
  if (secretly) url.searchParams.set('token', ctx.environment.require(ctx.secret.projectKey));
  const what = `Whether PostHog takes ${which}`;
  const answer = await ask(url, {
    ...{ timeoutMs: TIMEOUT_MS, mostBytes: MOST_BYTES, signal: ctx.signal },
    headers: {
      'content-type': 'application/json',
      ...(secretly ? { authorization: `Bearer ${key.reveal()}` } : {}),
    },
    ...(secretly ? {} : { body: JSON.stringify({ token: key.reveal(), distinct_id: 'drydock' }) }),
  }).catch((cause) => {
    if (!(cause instanceof NoAnswer)) throw cause;
    throw unknown(what, `${shownAddress(url)} ${cause.message}`);
  });
  const says = `flags of ${shownAddress(url)}: ${answer.status}`;
  if (answer.status === 401) return { taken: false, says };
  if (answer.status === 200 && answer.text.trimStart().startsWith('{')) return { taken: true, says };
  throw unknown(what, `${shownAddress(url)} answered ${answer.status}, which says nothing of a key`);
}

export function requireKey(
  value: Secret | null | undefined,
  { key, variable }: Pick<PostHogSecret, 'key' | 'variable'>,
): Secret {
  const text = value?.reveal() ?? '';
  // Project keys of the first years have no prefix.
  const fits = key === 'secret' ? text.startsWith('phs_') : text !== '' && !/^ph[sx]_/.test(text);
  if (value && fits) return value;
  throw new OpsError({
    code: 'POSTHOG_KEY_WRONG',
    message: value ? `What ${variable} holds is no ${key} key of PostHog's.` : `${variable} is not set.`,
    hint: 'A project key begins with phc_, a secret one for flags with phs_, and a personal one (phx_) belongs to an operator alone.',
  });
}
