import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Manifest {
  name: string;
  version: string;
  description?: string;
  exports?: Record<string, string>;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
}

export interface Package {
  /** In the toolkit. */
  folder: string;
  manifest: Manifest;
}

/** The toolkit's packages, itself last. */
export function packagesOf(toolkit: string): Package[] {
  const folders = readdirSync(join(toolkit, 'packages')).map((name) => join('packages', name));
  return [...folders, '.']
    .filter((folder) => existsSync(join(toolkit, folder, 'package.json')))
    .map((folder) => ({
      folder,
      manifest: JSON.parse(readFileSync(join(toolkit, folder, 'package.json'), 'utf8')) as Manifest,
    }));
}
