import { exec, type LoadedConfig, usageError } from '@drydock/kit';
import type { ReleaseConfig } from '../config.ts';

/** What an artefact is made of and by: as the config says it, or as the commit has it. */
export interface Recipe {
  include: string[];
  build: { command: string[]; cwd: 'artifact' | 'checkout' }[];
  dependencies: 'asked-for' | 'installed' | 'production';
}

interface Manager {
  install: string[];
  /** A script of package.json. */
  run: string[];
  /** A program of an installed package. */
  program: string[];
}

const MANAGERS: Record<string, Manager> = {
  'package-lock.json': { install: ['npm', 'ci'], run: ['npm', 'run'], program: ['npx'] },
  'npm-shrinkwrap.json': { install: ['npm', 'ci'], run: ['npm', 'run'], program: ['npx'] },
  'pnpm-lock.yaml': {
    install: ['pnpm', 'install', '--frozen-lockfile'],
    run: ['pnpm', 'run'],
    program: ['pnpm', 'exec'],
  },
  'yarn.lock': { install: ['yarn', 'install', '--frozen-lockfile'], run: ['yarn', 'run'], program: ['yarn', 'run'] },
  'bun.lock': { install: ['bun', 'install', '--frozen-lockfile'], run: ['bun', 'run'], program: ['bunx'] },
  'bun.lockb': { install: ['bun', 'install', '--frozen-lockfile'], run: ['bun', 'run'], program: ['bunx'] },
};

/** By which of these a product is built, a commit says. */
export const LOCKFILES: readonly string[] = Object.keys(MANAGERS);

export interface Manifest {
  scripts?: Record<string, string>;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
}

/** Whoever writes down what is included says how it is built as well: nothing then follows from the commit. */
export async function recipeOf(
  config: Pick<LoadedConfig, 'root'>,
  { artifact, app }: ReleaseConfig,
  commit: string,
): Promise<Recipe> {
  const { include = ['.'], build, dependencies } = artifact;
  if (build || artifact.include) return { include, build: build ?? [], dependencies: dependencies ?? 'asked-for' };
  const manifest = await manifestAt(config, commit);
  const commands = manifest ? commandsFor(manifest, await namesAt(config, commit), commit) : [];
  return {
    include,
    build: commands.map((command) => ({ command, cwd: 'artifact' })),
    dependencies: dependencies ?? (startsByDevelopment(manifest, app.command) ? 'asked-for' : 'production'),
  };
}

function commandsFor(manifest: Manifest, names: readonly string[], commit: string): string[][] {
  const { scripts = {}, dependencies = {}, devDependencies = {} } = manifest;
  const asked = { ...dependencies, ...devDependencies };
  const lockfile = names.find((name) => name in MANAGERS);
  if (lockfile === undefined && Object.keys(asked).length > 0)
    throw usageError(
      'BUILD_UNKNOWN',
      `Commit ${commit.slice(0, 10)} has no lockfile beside package.json: which packages the product runs with cannot be told.`,
      "Commit the one of your package manager, or say how it is built: release: { artifact: { build: [{ command: ['npm', 'install'] }] } }",
    );
  const { install, run, program } = MANAGERS[lockfile ?? 'package-lock.json'] as Manager;
  const modern = lockfile === 'yarn.lock' && names.includes('.yarnrc.yml');
  const generates = ['preinstall', 'install', 'postinstall', 'prepare', 'prebuild', 'build'].some((name) =>
    scripts[name]?.includes('prisma generate'),
  );
  return [
    ...(lockfile === undefined ? [] : [modern ? ['yarn', 'install', '--immutable'] : install]),
    ...('@prisma/client' in asked && 'prisma' in asked && !generates ? [[...program, 'prisma', 'generate']] : []),
    ...(scripts.build === undefined ? [] : [[...run, 'build']]),
  ];
}

/** `tsx src/server.ts`, `prisma migrate deploy && node …`: what is for development alone is then needed all the same. */
function startsByDevelopment({ scripts = {}, devDependencies = {} }: Manifest = {}, command: readonly string[]) {
  const script = scripts[scriptIn(command) ?? ''] ?? '';
  return [...command, ...script.split(/\s+/)].some((word) => word in devDependencies);
}

/** The script of package.json that a command runs: of `npm start`, `pnpm run serve`. */
export function scriptIn([program = '', first, second]: readonly string[]): string | undefined {
  if (!['npm', 'pnpm', 'yarn', 'bun'].includes(program)) return undefined;
  return first === 'run' || first === 'run-script' ? second : first;
}

/** package.json beside the config, as a commit has it. */
export async function manifestAt({ root }: Pick<LoadedConfig, 'root'>, commit: string): Promise<Manifest | undefined> {
  const { stdout, code } = await exec('git', ['show', `${commit}:./package.json`], { cwd: root, okCodes: [128] });
  if (code !== 0) return undefined;
  try {
    return JSON.parse(stdout) as Manifest;
  } catch (cause) {
    throw usageError('MANIFEST_BROKEN', `package.json of commit ${commit.slice(0, 10)} is no JSON: ${String(cause)}`);
  }
}

async function namesAt({ root }: Pick<LoadedConfig, 'root'>, commit: string): Promise<string[]> {
  const { stdout } = await exec('git', ['ls-tree', '--name-only', '-z', commit], { cwd: root });
  return stdout.split('\0').filter(Boolean);
}
