import { globSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { opensSomething, readEnvFiles, valuesOf } from '@drydock/kit';
import type { Folder } from './files.ts';

export interface Variable {
  name: string;
  kind: 'postgres' | 'redis' | 'address' | 'text';
  /** By its name; of an address the password is masked in any case. */
  secret: boolean;
  /** What an example file, or a compose file, says of it. */
  about: string | undefined;
  /** Files that have it, and where it has a value. */
  seenIn: string[];
  set: boolean;
  /** A pooler's address, Prisma's own proxy, or what is none. */
  manner: 'direct' | 'pooled' | 'prisma' | undefined;
}

export interface VariablesFound {
  variables: Variable[];
  /** Environments that have files of their own, besides the developers'. */
  environments: string[];
  /** Folders with env files. */
  envDirs: string[];
  /** What could not be read, a sentence each. */
  problems: string[];
}

const EXAMPLE =
  /^\.?env(\..+)?\.(example|sample|template|dist|defaults)$|^\.env\.(example|sample|template|dist)(\..+)?$/;
/** Written here before: it has all names that there are, of no place in particular. */
const OURS = /^# .*Copy it to \.env\..*\.local/;
const OF_ENVIRONMENT = /^\.env\.([a-z][a-z0-9-]*)(\.local)?$/;
/** What tests are run in is no environment that is operated. */
const NONE = new Set(['local', 'test', 'ci', 'e2e', 'vault', 'keys', 'defaults', 'docker']);
/** What is set by whatever starts a process, and by no file of an operator. */
const OF_PROCESS = new Set(['NODE_ENV', 'PORT', 'PATH', 'HOME', 'TZ', 'CI', 'NODE_OPTIONS']);

/** `folders`: the product's, and that of the schema, where a package of a monorepo keeps its own. No value leaves this function. */
export function readVariables(folder: Folder, folders: readonly string[]): VariablesFound {
  const all = [...new Set(folders)].map((dir) => ({ dir, files: globSync('.env*', { cwd: folder.at(dir) }).sort() }));
  const envDirs = all.filter(({ dir, files }) => dir === '.' || files.some((file) => !EXAMPLE.test(file)));
  const named = envDirs.flatMap(({ files }) => files.flatMap((file) => OF_ENVIRONMENT.exec(file)?.[1] ?? []));
  const environments = [...new Set(named)].filter(
    (name) => !NONE.has(name) && !/example|sample|template|dist/.test(name),
  );
  const dirs = envDirs.map(({ dir }) => dir);
  const found = new Map<string, Variable>();
  const problems: string[] = [];
  for (const env of ['development', ...environments]) {
    const read = readFiles(folder, dirs, env);
    problems.push(...read.problems.filter((problem) => !problems.includes(problem)));
    for (const { name, value, file } of read.values) note(found, name, { value, file: relative(folder.root, file) });
  }
  const examples = all.flatMap(({ dir, files }) =>
    files.filter((file) => EXAMPLE.test(file)).map((file) => join(dir, file)),
  );
  for (const file of examples) {
    const text = folder.text(file) ?? '';
    if (!OURS.test(text)) for (const { name, about } of namesIn(text)) note(found, name, { file, about });
  }
  return {
    variables: [...found.values()].filter(({ name }) => !OF_PROCESS.has(name)),
    environments,
    envDirs: dirs,
    problems,
  };
}

/** As every task reads them: the files of dotenv-flow, expanded; the shell is not asked. */
function readFiles(folder: Folder, dirs: string[], env: string) {
  const files = readEnvFiles(
    dirs.map((dir) => folder.at(dir)),
    env,
  );
  const values = [...valuesOf(files, {})].map(([name, { text, file }]) => ({ name, value: text, file }));
  const problems = files.flatMap(({ path, is }) => (is === 'text' ? [] : [`${folder.name(path)} ${ODD[is]}`]));
  return { values, problems };
}

const ODD = {
  folder: 'is a folder: nothing is read of it.',
  'utf-16': 'is in UTF-16, which hardly any other program reads: save it as UTF-8.',
  damaged: 'is not all text: what is in it may be read wrongly. Save it as UTF-8.',
};

interface Sight {
  value?: string | undefined;
  file: string;
  about?: string | undefined;
}

export function note(found: Map<string, Variable>, name: string, { value = '', file, about }: Sight): void {
  const known = found.get(name);
  const kind = kindOf(name, value);
  found.set(name, {
    name,
    kind: known && known.kind !== 'text' ? known.kind : kind,
    secret:
      opensSomething(name) && !/^(NEXT_PUBLIC|VITE|PUBLIC|EXPO_PUBLIC|REACT_APP)_|PUBLIC_KEY|PUBLISHABLE/.test(name),
    about: known?.about ?? about,
    seenIn: known?.seenIn.includes(file) ? known.seenIn : [...(known?.seenIn ?? []), file],
    set: known?.set === true || value !== '',
    manner: known?.manner ?? mannerOf(value),
  });
}

function kindOf(name: string, value: string): Variable['kind'] {
  if (
    /^(prisma\+)?postgres(ql)?:/i.test(value) ||
    (value === '' && /(^|_)(DATABASE|POSTGRES\w*|PG|DB)_UR[LI]$|^DIRECT_URL$/.test(name))
  )
    return 'postgres';
  if (/^rediss?:|^valkeys?:/i.test(value) || (value === '' && /(^|_)(REDIS|VALKEY)(_\w+)?_UR[LI]$/.test(name)))
    return 'redis';
  return /^https?:\/\//i.test(value) ? 'address' : 'text';
}

function mannerOf(value: string): Variable['manner'] {
  if (/^prisma(\+postgres(ql)?)?:/i.test(value)) return 'prisma';
  if (!/^postgres(ql)?:/i.test(value)) return undefined;
  return /[?&]pgbouncer=true|:6543\b|-pooler\./.test(value) ? 'pooled' : 'direct';
}

/** `NAME=…` of an example, each with the comment above it. */
function namesIn(text: string): { name: string; about: string | undefined }[] {
  const names: { name: string; about: string | undefined }[] = [];
  let comment: string[] = [];
  for (const line of text.split(/\r?\n/)) {
    const [, name] = /^\s*(?:export\s+)?([A-Z][A-Z0-9_]*)\s*=/.exec(line) ?? [];
    const [, said] = /^\s*#+\s*(.*\S)\s*$/.exec(line) ?? [];
    if (name) names.push({ name, about: comment.length > 0 ? comment.join(' ').slice(0, 200) : undefined });
    // A line that was switched off may hold what it held.
    comment = said && !/^[A-Za-z_]\w*\s*=|^[-=#*]+$/.test(said) ? [...comment, said] : [];
  }
  return names;
}

/** Where a schema's own package keeps env files: beside it, and where its package.json is. */
export function envFoldersFor(folder: Folder, schema: string): string[] {
  const above = (path: string): string[] => (path === '.' ? [] : [path, ...above(dirname(path))]);
  const [beside, ...rest] = above(schema.endsWith('.prisma') ? dirname(schema) : schema);
  const pack = rest.find((path) => folder.has(`${path}/package.json`));
  return ['.', ...(pack ? [pack] : []), ...(beside ? [beside] : [])];
}
