import { OpsError, shownAddress } from '@drydock/kit';
import { z } from 'zod';
import { callAdmin } from '../admin-api.ts';
import type { SentryAccess } from './access.ts';
import type { Dsn } from './dsn.ts';

/** A cursor that never ends is a fault of whoever answers. */
const MOST_PAGES = 1_000;

const keySchema = z.object({
  id: z.string(),
  name: z.string(),
  public: z.string(),
  isActive: z.boolean(),
  projectId: z.union([z.string(), z.number()]).transform(String),
  rateLimit: z.object({ window: z.number(), count: z.number() }).nullish(),
});
export type ClientKey = z.output<typeof keySchema>;

/** The client keys of one project (docs.sentry.io/api/projects). */
export interface ClientKeys {
  list(): Promise<ClientKey[]>;
  create(name: string, rateLimit: ClientKey['rateLimit']): Promise<ClientKey>;
  setActive(id: string, isActive: boolean): Promise<void>;
  delete(id: string): Promise<void>;
}

export function openClientKeys(access: SentryAccess): ClientKeys {
  const [organization, project] = [access.organization, access.projectSlug].map(encodeURIComponent);
  const keys = new URL(`api/0/projects/${organization}/${project}/keys/`, access.home);
  const one = (id: string) => new URL(`${encodeURIComponent(id)}/`, keys);
  return {
    async list() {
      const all: ClientKey[] = [];
      let cursor: string | undefined;
      for (let page = 0; page < MOST_PAGES; page++) {
        const url = new URL(keys);
        if (cursor !== undefined) url.searchParams.set('cursor', cursor);
        const what = 'list the client keys';
        const { data, headers } = await callAdmin(access, {
          ...{ method: 'GET', url, what, scope: 'project:read', schema: z.array(keySchema) },
        });
        all.push(...data);
        cursor = nextCursor(headers.get('link'));
        if (cursor === undefined) return all;
      }
      throw new OpsError({
        code: 'SERVICE_ANSWER',
        message: `The list of client keys at ${shownAddress(keys)} does not end.`,
        hint: 'Is it Sentry who answers there?',
      });
    },
    async create(name, rateLimit) {
      const what = 'make a client key';
      const body = { name, ...(rateLimit ? { rateLimit } : {}) };
      const { data } = await callAdmin(access, {
        ...{ method: 'POST', url: keys, body, what, scope: 'project:write', schema: keySchema },
      });
      return data;
    },
    async setActive(id, isActive) {
      const what = `${isActive ? 'enable' : 'disable'} a client key`;
      await callAdmin(access, {
        ...{ method: 'PUT', url: one(id), body: { isActive }, what, scope: 'project:write', schema: keySchema },
      });
    },
    async delete(id) {
      const what = 'delete a client key';
      await callAdmin(access, { method: 'DELETE', url: one(id), what, scope: 'project:admin', schema: z.unknown() });
    },
  };
}

/** `<…>; rel="next"; results="true"; cursor="0:10:0"` (docs.sentry.io/api/pagination): the address itself is not believed. */
function nextCursor(link: string | null): string | undefined {
  const next = (link ?? '').split(/,\s*(?=<)/).find((one) => /;\s*rel="next"/.test(one));
  return next && /;\s*results="true"/.test(next) ? /;\s*cursor="([^"]+)"/.exec(next)?.[1] : undefined;
}

/** The key that a DSN has, among those of the project. Another project's would be rotated by mistake, and the product's stay. */
export function ownKey(
  keys: readonly ClientKey[],
  dsn: Dsn,
  { project, home }: SentryAccess,
  variable: string,
): ClientKey {
  const own = keys.find((one) => one.public === dsn.publicKey);
  if (own) return own;
  throw new OpsError({
    code: 'KEY_OF_ANOTHER_PROJECT',
    message: `The DSN in ${variable} is none of the ${keys.length} of ${project} at ${home.host}.`,
    hint: 'Is it the project of this environment? Its keys: Settings > Projects > Client Keys (DSN).',
  });
}
