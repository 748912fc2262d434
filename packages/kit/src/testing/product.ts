import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder with a plain config (all environments unguarded) and an `.env.staging`. Swept by the test runner. */
export function makeStrangeProduct(config: object, env: Record<string, string> = {}): string {
  const root = mkdtempSync(join(process.env.DRYDOCK_TEST_ROOT ?? tmpdir(), 'drydock-product-'));
  const parity = { nodeEnv: 'production', schema: 'deploy', features: 'all', sentry: 'optional', redis: 'optional' };
  const environment = { guard: 'none', parity };
  const base = {
    product: 'strange',
    environments: { development: environment, staging: environment, production: environment },
  };
  writeFileSync(join(root, 'drydock.config.ts'), `export default ${JSON.stringify({ ...base, ...config })};\n`);
  writeFileSync(
    join(root, '.env.staging'),
    Object.entries(env)
      .map(([name, value]) => `${name}='${value}'\n`)
      .join(''),
  );
  return root;
}
