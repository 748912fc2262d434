import { globSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import type { ComposeFound } from './compose.ts';
import { pathAsked } from './compose.ts';
import type { Folder } from './files.ts';
import type { Manifest } from './manifest.ts';

/** Something, and where it was seen. */
export interface Seen<T> {
  value: T;
  seenIn: string;
}

export interface Start extends Seen<string[]> {
  /** It migrates first. */
  migrates: boolean;
  /** As a release starts a product whose config does not say how: `npm start`. */
  isUsual: boolean;
}

/** How the product is started; undefined where nothing says it. A migration before it is a release's own step, and left out. */
export function startOf(manifest: Manifest, dockerfile: string[]): Start | undefined {
  const line = manifest.scripts.start;
  if (line !== undefined) {
    const parts = line.split(/\s*&&\s*/);
    const migrates =
      parts.length > 1 && parts.slice(0, -1).every((part) => /prisma\s+(migrate|db push|generate)/.test(part));
    const last = migrates ? (parts.at(-1) ?? '') : line;
    const value = wordsOf(last) ?? ['npm', 'start'];
    return { value, seenIn: 'the script "start"', migrates, isUsual: !migrates || value[0] === 'npm' };
  }
  const command = dockerfile
    .map((one) => /^(?:CMD|ENTRYPOINT)\s+(\[.*\])$/is.exec(one)?.[1])
    .filter((one) => one !== undefined)
    .at(-1);
  const words = command === undefined ? undefined : jsonWords(command);
  return words && { value: words, seenIn: 'the Dockerfile', migrates: false, isUsual: false };
}

/** Of a plain line: no quotes, variables or pipes. Only `node FILE` is started as it stands: other programs are npm's to find. */
function wordsOf(line: string): string[] | undefined {
  const words = line.trim().split(/\s+/);
  if (/["'`$|&;<>()*?#~\\]/.test(line)) return undefined;
  return words[0] === 'node' && words.length > 1 ? words : undefined;
}

function jsonWords(text: string): string[] | undefined {
  try {
    const words: unknown = JSON.parse(text);
    return Array.isArray(words) && words.length > 0 && words.every((word) => typeof word === 'string')
      ? words
      : undefined;
  } catch {
    return undefined;
  }
}

/** Its instructions, continued lines put together, comments left out. */
export function readDockerfile(folder: Folder): string[] {
  const text = folder.text('Dockerfile') ?? '';
  const lines = text.split(/\r?\n/).filter((line) => !/^\s*#/.test(line));
  return lines
    .join('\n')
    .replaceAll(/\\[ \t]*\n\s*/g, ' ')
    .split('\n')
    .map((line) => line.trim());
}

/** How it is built, where a release would not find that by itself: packages are asked for, and no lockfile says which. */
export function buildOf(
  folder: Folder,
  { dependencies, scripts }: Manifest,
  lockfiles: readonly string[],
): string[][] | undefined {
  if (Object.keys(dependencies).length === 0 || lockfiles.some((name) => folder.has(name))) return undefined;
  const generates = 'prisma' in dependencies || '@prisma/client' in dependencies;
  return [
    ['npm', 'install'],
    ...(generates ? [['npx', 'prisma', 'generate']] : []),
    ...('build' in scripts ? [['npm', 'run', 'build']] : []),
  ];
}

const SOURCES = '**/*.{ts,tsx,mts,cts,js,jsx,mjs,cjs}';
const NOT_SOURCES =
  /^(node_modules|dist|build|out|coverage|test|tests|__tests__|e2e|cypress|public|vendor|generated|migrations|drills|scripts)$|^\./;
const NOT_SOURCE = /\.(test|spec|stories|d|config|min)\.\w+$/;
const MOST_FILES = 4_000;
const MOST_BYTES = 512 * 1_024;
/** What products call it, the plainest first. */
const ROUTES = ['health', 'healthz', 'health-check', 'healthcheck', 'health_check', 'livez', 'readyz', 'ready', 'ping'];
const ROUTE = new RegExp(`['"\`](?:GET )?(/(?:[\\w-]+/){0,3}(?:${ROUTES.join('|')}))/?['"\`]`, 'g');
const FILE_ROUTE = new RegExp(
  `^(?:src/)?(?:app|pages)/((?:[\\w-]+/)*(?:${ROUTES.join('|')}))(?:/route|/index)?\\.[jt]sx?$`,
);

/** Where the product tells how it is: what already asks for it first, then its routes. */
export function healthOf(
  folder: Folder,
  dockerfile: string[],
  compose: ComposeFound | undefined,
): Seen<string> | undefined {
  const asked = pathAsked(dockerfile.find((line) => /^HEALTHCHECK\s+(?!NONE)/i.test(line)) ?? '');
  if (asked) return { value: asked, seenIn: 'HEALTHCHECK of the Dockerfile' };
  const checked = compose?.services.find(({ is, healthPath }) => is === 'other' && healthPath);
  if (checked?.healthPath)
    return { value: checked.healthPath, seenIn: `the health check of ${checked.name} in ${compose?.file}` };
  return routesIn(folder).sort((a, b) => rank(a.value) - rank(b.value) || a.value.length - b.value.length)[0];
}

function routesIn(folder: Folder): Seen<string>[] {
  const files = globSync(SOURCES, { cwd: folder.root, exclude: (name) => NOT_SOURCES.test(basename(name)) })
    .filter((file) => !NOT_SOURCE.test(file))
    .sort()
    .slice(0, MOST_FILES);
  return files.flatMap((file) => {
    const [, route] = FILE_ROUTE.exec(file.replaceAll('\\', '/')) ?? [];
    if (route) return [{ value: `/${route.replace(/\/\([^)]*\)/g, '')}`, seenIn: file }];
    if (statSync(folder.at(file)).size > MOST_BYTES) return [];
    return [...(folder.text(file) ?? '').matchAll(ROUTE)].map(([, path = '']) => ({ value: path, seenIn: file }));
  });
}

const rank = (path: string) => ROUTES.indexOf(path.split('/').at(-1) ?? '');
