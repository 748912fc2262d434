import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A product in a folder of its own that has no toolkit installed: a plain config and dotenv files. */
export function makeProduct(env: Record<string, string> = {}, config: object = {}): string {
  const root = mkdtempSync(join(process.env.DRYDOCK_TEST_ROOT ?? tmpdir(), 'drydock-product-'));
  const parity = { nodeEnv: 'production', schema: 'deploy', features: 'subset', sentry: 'optional', redis: 'optional' };
  const base = {
    product: 'strange',
    environments: {
      development: { guard: 'none', parity: { ...parity, nodeEnv: 'development', schema: 'dev', features: 'all' } },
      staging: { guard: 'none', parity },
      production: { guard: 'confirm', parity: { ...parity, features: 'minimal', redis: 'required' } },
    },
    features: { variable: 'FEATURE_FLAGS', all: ['a', 'b'], minimal: ['a'] },
    variables: {
      OPS_DATABASE_URL: {
        kind: 'postgres',
        secret: true,
        example: 'postgresql://owner:pw@host/db',
        about: 'the database',
      },
      REDIS_URL: { kind: 'redis', secret: true, example: 'redis://app:pw@host', about: 'the cache' },
      API_KEY: { secret: true, example: 'k_…', about: 'a key' },
    },
  };
  writeFileSync(
    join(root, 'drydock.config.ts'),
    `export default ${JSON.stringify({ ...base, ...config }, null, 2)};\n`,
  );
  writeEnv(root, '.env.staging', env);
  return root;
}

export function writeEnv(root: string, name: string, env: Record<string, string>): void {
  mkdirSync(root, { recursive: true });
  writeFileSync(
    join(root, name),
    Object.entries(env)
      .map(([key, value]) => `${key}='${value}'\n`)
      .join(''),
  );
}
