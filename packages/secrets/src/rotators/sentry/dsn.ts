import { OpsError, type Secret } from '@drydock/kit';

/** A DSN in its parts: `https://PUBLIC@o1.ingest.sentry.io/42`, with a port and a path before the project for a Sentry of one's own. */
export interface Dsn {
  publicKey: string;
  project: string;
  /** Where events go: `https://o1.ingest.sentry.io/api/42/envelope/`. */
  envelope: URL;
  /** The same place, another key. A secret key, as DSNs had before 2019, is left out. */
  withKey(publicKey: string): string;
  /** Where its Sentry is administrated, as far as a DSN tells. */
  home: URL;
}

/** Undefined where it is none. */
export function readDsn(value: string): Dsn | undefined {
  const url = URL.parse(value);
  if (!url || !['http:', 'https:'].includes(url.protocol) || !url.username || url.search || url.hash) return undefined;
  const [, path = '', project = ''] = /^(.*)\/(\d+)$/.exec(url.pathname) ?? [];
  if (!project) return undefined;
  const base = `${url.protocol}//${url.host}${path}`;
  return {
    publicKey: url.username,
    project,
    envelope: new URL(`${base}/api/${project}/envelope/`),
    withKey: (publicKey) => `${url.protocol}//${publicKey}@${url.host}${path}/${project}`,
    home: new URL(homeOf(url) ?? `${base}/`),
  };
}

/** Sentry's cloud takes events elsewhere than where it is administrated, in each of its regions. */
function homeOf({ hostname }: URL): string | undefined {
  if (!hostname.endsWith('.sentry.io')) return undefined;
  const region = /\.ingest\.([a-z]+)\.sentry\.io$/.exec(hostname)?.[1];
  return region ? `https://${region}.sentry.io/` : 'https://sentry.io/';
}

export function requireDsn(value: Secret | null | undefined, variable: string): Dsn {
  const dsn = value && readDsn(value.reveal());
  if (dsn) return dsn;
  throw new OpsError({
    code: 'DSN_WRONG',
    message: value ? `What ${variable} holds is no DSN.` : `${variable} is not set.`,
    hint: 'A DSN is https://KEY@HOST/PROJECT, as Sentry shows it under Settings > Projects > Client Keys (DSN).',
  });
}

/** A person made it: of the same project, at the same place, and another one. */
export function requireBeside(old: Dsn, next: Dsn, variable: string): void {
  const wrong =
    next.publicKey === old.publicKey
      ? 'is the one that is in use'
      : next.envelope.href !== old.envelope.href
        ? `is of another project, or another Sentry (${next.envelope.host}, project ${next.project})`
        : undefined;
  if (!wrong) return;
  throw new OpsError({
    code: 'DSN_WRONG',
    message: `The DSN that was given for ${variable} ${wrong}.`,
    hint: `A new key of project ${old.project} at ${old.envelope.host} is wanted.`,
  });
}
