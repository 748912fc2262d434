import { isAbsolute, join, relative } from 'node:path';
import { INSTALLED } from '../toolkit.ts';
import { wasStartedByNpm } from './swallowed.ts';

/**
 * The way from the operator to the toolkit, where they started its script from elsewhere: `npm --prefix ../drydock run db:status`, as the
 * scripts do that `init` writes into a product. npm tells where they were (INIT_CWD).
 */
export function prefixTo(toolkit: string, task: string, shell: NodeJS.ProcessEnv): string | undefined {
  const from = shell.INIT_CWD;
  if (INSTALLED || !from || !wasStartedByNpm(task, shell)) return undefined;
  if (shell.npm_package_json !== join(toolkit, 'package.json') || isIn(from, toolkit)) return undefined;
  return relative(from, toolkit);
}

/** The folder whose product they mean: theirs. From above the toolkit it is the toolkit's own. */
export function whereTheyAre(
  toolkit: string,
  prefix: string | undefined,
  { INIT_CWD: from }: NodeJS.ProcessEnv,
): string | undefined {
  return prefix === undefined || !from || isIn(toolkit, from) ? undefined : from;
}

function isIn(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way === '' || (!way.startsWith('..') && !isAbsolute(way));
}
