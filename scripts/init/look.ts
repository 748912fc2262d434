import { basename } from 'node:path';
import { exec } from '@drydock/kit';
import { baseBranchOf, LOCKFILES } from '@drydock/release';
import { buildOf, healthOf, readDockerfile, type Seen, type Start, startOf } from './app.ts';
import { readCompose } from './compose.ts';
import { Folder } from './files.ts';
import { type Manifest, readManifest } from './manifest.ts';
import { noSchema, type PrismaFound, readPrisma, schemasIn } from './prisma.ts';
import { envFoldersFor, note, readVariables, type Variable } from './variables.ts';

/** What a product's folder tells of it. */
export interface Found {
  folder: Folder;
  manifest: Manifest;
  name: Seen<string>;
  prisma: PrismaFound;
  variables: Variable[];
  /** In the order of promotion. */
  environments: Seen<string[]>;
  envDirs: string[];
  health: Seen<string> | undefined;
  start: Start | undefined;
  /** Undefined where a release finds it by itself. */
  build: string[][] | undefined;
  /** Services of compose that a product of its kind uses: `db is PostgreSQL`. */
  services: Seen<string>[];
  git: Git | undefined;
  /** A sentence each. */
  problems: string[];
}

export interface Git {
  /** The branch that others start from. */
  baseBranch: string;
  /** A release would take it by itself. */
  isUsual: boolean;
}

/** Reads only. `schema`: the one that was chosen among several. */
export async function look(root: string, choose: (schemas: string[]) => Promise<string> | string): Promise<Found> {
  const folder = new Folder(root);
  const manifest = readManifest(folder);
  const schemas = schemasIn(folder, manifest);
  const chosen = await chosenOf(folder, schemas, choose);
  const prisma = await readPrisma(folder, chosen);
  const found = readVariables(folder, envFoldersFor(folder, prisma.schema));
  const [compose, git] = await Promise.all([readCompose(folder), readGit(root)]);
  const dockerfile = readDockerfile(folder);
  const variables = new Map(found.variables.map((one) => [one.name, one]));
  for (const service of compose?.services.filter(({ built }) => built) ?? [])
    for (const name of service.variables.filter((one) => /^[A-Z][A-Z0-9_]*$/.test(one) && !variables.has(one)))
      note(variables, name, { file: compose?.file ?? '' });
  return {
    folder,
    manifest,
    name: manifest.name
      ? { value: manifest.name.replace(/^@[^/]+\//, ''), seenIn: 'package.json' }
      : { value: basename(root), seenIn: 'the folder' },
    prisma,
    variables: [...variables.values()],
    environments: environmentsOf(found.environments),
    envDirs: found.envDirs,
    health: healthOf(folder, dockerfile, compose),
    start: startOf(manifest, dockerfile),
    build: buildOf(folder, manifest, LOCKFILES),
    services: (compose?.services ?? []).flatMap(({ name, is }) =>
      is === 'other'
        ? []
        : [{ value: `${name} is ${is === 'postgres' ? 'PostgreSQL' : 'Redis'}`, seenIn: compose?.file ?? '' }],
    ),
    git,
    problems: [...found.problems, ...(compose?.problem ? [compose.problem] : [])],
  };
}

async function chosenOf(
  folder: Folder,
  schemas: { schema: string; seenIn: string }[],
  choose: (schemas: string[]) => Promise<string> | string,
): Promise<{ schema: string; seenIn: string }> {
  const names = schemas.map(({ schema }) => schema);
  const picked = await choose(names);
  const known = schemas.find(({ schema }) => schema === picked);
  if (known) return known;
  if (picked) return { schema: picked, seenIn: '--schema' };
  throw noSchema(folder);
}

const RUNBOOK = ['development', 'staging', 'production'];
/** By their usual names, in the order in which a release meets them. */
const ORDER = [/^(dev|local)/, /^(test|ci|qa|preview|review|uat|demo|sandbox)/, /^(stag|pre)/, /^prod|^live/];

/** Of those that have files of their own; none but the developers' file: the runbook's three. */
function environmentsOf(named: string[]): Seen<string[]> {
  if (named.length === 0) return { value: RUNBOOK, seenIn: 'the runbook' };
  const rank = (name: string) => ORDER.findIndex((one) => one.test(name)) % ORDER.length;
  const sorted = named.toSorted((a, b) => rank(a) - rank(b));
  return {
    value: sorted.some((name) => rank(name) === 0) ? sorted : ['development', ...sorted],
    seenIn: 'the .env files',
  };
}

/** Undefined where there is no repository, or no git. */
async function readGit(root: string): Promise<Git | undefined> {
  const git = async (...args: string[]) => {
    const { stdout, code } = await exec('git', args, { cwd: root, okCodes: [1, 128, 129] }).catch(() => ({
      stdout: '',
      code: 127,
    }));
    return code === 0 ? stdout.trim() : undefined;
  };
  if ((await git('rev-parse', '--is-inside-work-tree')) !== 'true') return undefined;
  const remote = (await git('symbolic-ref', '--quiet', '--short', 'refs/remotes/origin/HEAD'))?.replace(
    /^origin\//,
    '',
  );
  const current = await git('symbolic-ref', '--quiet', '--short', 'HEAD');
  const local = (
    await git('for-each-ref', '--format=%(refname:short)', 'refs/heads/main', 'refs/heads/master', 'refs/heads/trunk')
  )?.split('\n');
  const baseBranch = remote || local?.find(Boolean) || current || 'main';
  return { baseBranch, isUsual: baseBranch === (await baseBranchOf(root)) };
}
