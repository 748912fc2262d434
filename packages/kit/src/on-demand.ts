import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { TOOLKIT } from './toolkit.ts';

/** What installs a package that a product gets only if it needs it, with those that go with it; undefined for any other, and in a checkout. */
export function installOnDemand(name: string): string | undefined {
  const { onDemand = [] } = JSON.parse(readFileSync(join(TOOLKIT, 'package.json'), 'utf8')) as {
    onDemand?: Record<string, string>[];
  };
  const group = onDemand.find((one) => name in one);
  const packages = Object.entries(group ?? {}).map(([one, version]) => `${one}@${version}`);
  return group && `npm install --save-dev ${packages.join(' ')}`;
}
