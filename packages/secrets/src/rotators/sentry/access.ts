import { usageError } from '@drydock/kit';
import type { AdminAccess } from '../admin-api.ts';
import type { RotatorContext } from '../types.ts';
import type { SentrySecret } from './config.ts';
import type { Dsn } from './dsn.ts';

export interface SentryAccess extends AdminAccess {
  /** What its page and its API lie below. */
  home: URL;
  organization: string;
  projectSlug: string;
}

/** How Sentry is administrated; undefined where no token is set. */
export function accessOf(ctx: RotatorContext<SentrySecret>, { home }: Dsn): SentryAccess | undefined {
  const { environment, name, secret, signal } = ctx;
  if (!environment.has(secret.token)) return undefined;
  const named = (key: 'organization' | 'project') => {
    const value = secret[key]?.replaceAll('{env}', environment.name);
    if (value) return value;
    throw usageError(
      'SENTRY_PROJECT_UNNAMED',
      `A token for Sentry is set (${secret.token}), and secrets.rotate.${name}.${key} is not.`,
      `Say whose key it is: ${name}: { kind: 'sentry', organization: 'acme', project: 'web' }`,
    );
  };
  const [organization, projectSlug] = [named('organization'), named('project')];
  return {
    ...{ service: 'Sentry', token: environment.secret(secret.token), variable: secret.token, signal },
    project: `project ${projectSlug} of the organization ${organization}`,
    home: secret.url ? new URL(secret.url.replace(/\/*$/, '/')) : home,
    ...{ organization, projectSlug },
  };
}
