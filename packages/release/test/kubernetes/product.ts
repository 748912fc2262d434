import { makeStrangeProduct, runTaskForTest } from '@drydock/kit/testing';
import { parseAllDocuments } from 'yaml';
import manifestsTask from '../../scripts/manifests.ts';

export const DIGEST = `sha256:${'0123456789abcdef'.repeat(4)}`;
export const SECRETS = { DATABASE_URL: 'canary-of-database', JWT_KEYS: 'canary-of-keys' };

/** A stranger's product, with variables of every kind. */
export function makeProduct(kubernetes: object = {}, more: object = {}): string {
  const variable = (rest: object) => ({ example: 'x', about: 'x', ...rest });
  return makeStrangeProduct(
    {
      product: 'Corner Shop',
      variables: {
        DATABASE_URL: variable({ kind: 'postgres', secret: true, required: ['staging'] }),
        OPS_DATABASE_URL: variable({ kind: 'postgres', secret: true }),
        REDIS_URL: variable({ kind: 'redis', secret: true }),
        JWT_KEYS: variable({ secret: true, required: ['staging'] }),
        CACHE_URLS: variable({}),
        PARTNER_URL: variable({ kind: 'url' }),
        COLOUR: variable({}),
      },
      release: {
        artifact: { include: ['.'] },
        app: { command: ['node', 'shop.mjs'], readyPath: '/ready', readyTimeoutMs: 12_345, drainTimeoutMs: 7_000 },
        kubernetes,
      },
      backups: { stores: [{ kind: 's3' }] },
      ...more,
    },
    {
      DATABASE_URL: `postgresql://app:${SECRETS.DATABASE_URL}@db.internal:6543/shop`,
      OPS_DATABASE_URL: 'postgresql://owner:canary-of-owner@db.internal:7654/shop',
      JWT_KEYS: SECRETS.JWT_KEYS,
      CACHE_URLS: 'redis://one.internal,redis://two.internal:6400',
      PARTNER_URL: 'https://partner.example/hooks/9f8e7d6c5b4a39281706f5e4d3c2b1a0',
      COLOUR: 'a: "blue" # & *new*',
    },
  );
}

// biome-ignore lint/suspicious/noExplicitAny: what was printed, read as it comes; its types are another test's.
export type Manifest = any;

export async function print(root: string, ...args: string[]) {
  const { outcome, error } = await runTaskForTest(manifestsTask, root, ['--env', 'staging', ...args]);
  if (error) return { error, text: '', findings: [], manifests: [] };
  const text = outcome?.document ?? '';
  const manifests: Manifest[] = parseAllDocuments(text).map((document) => {
    if (document.errors.length > 0) throw document.errors[0];
    return document.toJS();
  });
  return { error, text, findings: outcome?.findings ?? [], manifests };
}

/** The one of a kind, or the one of that name. */
export function only(manifests: Manifest[], kind: string, name?: string): Manifest {
  const found = manifests.filter((one) => one.kind === kind && (name === undefined || one.metadata.name === name));
  if (found.length !== 1) throw new Error(`${found.length} of ${kind} ${name ?? ''}`);
  return found[0];
}
