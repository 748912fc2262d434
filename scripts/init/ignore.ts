import { exec } from '@drydock/kit';
import type { Found } from './look.ts';

/** What git has to be told, so that env files stay out of it and their examples get into it. */
export interface Ignoring {
  /** For .gitignore. */
  lines: string[];
  /** With values, and in git already: no line helps that. */
  tracked: string[];
}

/** Asked of git itself, whose rules come from more places than one file. Undefined where there is no repository. */
export async function ignoring(found: Found, environments: string[]): Promise<Ignoring | undefined> {
  if (!found.git) return undefined;
  const { root } = found.folder;
  const is = async (...args: string[]) =>
    (await exec('git', args, { cwd: root, okCodes: [1, 128] }).catch(() => ({ code: 128 }))).code === 0;
  const ignored = (path: string) => is('check-ignore', '--quiet', '--no-index', '--', path);
  const holdsSecrets = (file: string) =>
    found.variables.some(
      ({ secret, kind, set, seenIn }) => set && seenIn.includes(file) && (secret || kind !== 'text'),
    );
  const inUse = ['.env', ...environments.map((env) => `.env.${env}`)].filter(holdsSecrets);
  const tracked: string[] = [];
  const lines: string[] = [];
  for (const file of inUse) {
    if (await is('ls-files', '--error-unmatch', '--', file)) tracked.push(file);
    else if (!(await ignored(file))) lines.push(file);
  }
  if (!(await ignored('.env.local'))) lines.push('.env.local');
  const locals = await Promise.all(environments.map((env) => ignored(`.env.${env}.local`)));
  if (!locals.every(Boolean)) lines.push('.env.*.local');
  const examples = await Promise.all(environments.map((env) => ignored(`.env.${env}.example`)));
  if (examples.some(Boolean)) lines.push('!.env.*.example');
  return { lines, tracked };
}

/** Behind what is there, with its own line ends. */
export function withLines(text: string, lines: string[]): string {
  const eol = /\r\n/.test(text) ? '\r\n' : '\n';
  const before = text === '' || text.endsWith('\n') ? text : `${text}${eol}`;
  return `${before}${before === '' ? '' : eol}${lines.join(eol)}${eol}`;
}
