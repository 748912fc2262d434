import { existsSync, statfsSync } from 'node:fs';
import { delimiter, dirname, isAbsolute, join } from 'node:path';
import {
  type Environment,
  findTool,
  type LoadedConfig,
  makeStateFolder,
  requireTool,
  temporaryFolder,
  toolVersion,
  usageError,
} from '@drydock/kit';
import type { ReleaseConfig } from '../config.ts';
import { isExecutable } from '../host/program.ts';
import type { Question } from '../question.ts';

/** What the run starts itself, on this machine. */
export function toolQuestions(config: LoadedConfig, release: ReleaseConfig, environment: Environment): Question[] {
  const buildPath = environment.forChild('build').PATH;
  const programs = new Map<string, { path: string | undefined; cwd: string; what: string }>();
  // What follows from the commit is asked for with it.
  for (const { command } of release.artifact.build ?? [])
    programs.set(command[0] ?? '', { path: buildPath, cwd: config.root, what: 'release.artifact.build' });
  if (release.flow)
    programs.set(release.flow.command[0] ?? '', {
      path: environment.forChild('product').PATH,
      cwd: config.root,
      what: 'release.flow',
    });
  return [
    { about: 'git', ask: async () => versionOf(requireTool('git')) },
    { about: 'tar', ask: async () => versionOf(requireTool('tar')) },
    { about: 'pg_dump', ask: async () => versionOf(requireTool('pg_dump')) },
    ...[...programs]
      .filter(([program]) => program !== 'node' && !program.includes('{artifact}'))
      .map(([program, found]): Question => ({ about: program, ask: async () => findProgram(program, found) })),
    { about: 'disk', ask: async () => freeDisk(makeStateFolder(config.root)) },
    { about: 'disk for temporary files', ask: async () => freeDisk(temporaryFolder(), LEAST_WORK_MIB) },
  ];
}

function versionOf(path: string): string {
  return `${toolVersion(path) ?? 'of unknown version'}, ${path}`;
}

/** As the run will look for it: on the PATH that it is given, or from its folder. */
export function findProgram(
  program: string,
  { path, cwd, what }: { path: string | undefined; cwd: string; what: string },
): string {
  const places = program.includes('/')
    ? [isAbsolute(program) ? program : join(cwd, program)]
    : (path ?? '').split(delimiter).map((folder) => join(folder, program));
  const found = places.find(isExecutable) ?? findTool(program as never);
  if (found) return found;
  throw usageError(
    'TOOL_MISSING',
    `${program} is not installed on this machine, and ${what} starts it.`,
    `Install it, or put its folder on PATH.`,
  );
}

/** For journals, logs and a small artefact; how large this one gets is known when it is built. */
const LEAST_FREE_MIB = 200;

/** Where a tree is built, or lies for a moment. */
export const LEAST_WORK_MIB = 50;

/** `folder` may not be there yet. */
export function freeDisk(folder: string, leastMib = LEAST_FREE_MIB): string {
  let there = folder;
  while (!existsSync(there)) there = dirname(there);
  const { bavail, bsize } = statfsSync(there);
  const mib = (bavail * bsize) / 2 ** 20;
  if (mib >= leastMib) return `${(mib / 1_024).toFixed(1)} GiB free`;
  throw usageError(
    'DISK_FULL',
    `Only ${Math.floor(mib)} MiB are free at ${folder}; a release wants ${leastMib} at least.`,
    'Free disk space.',
  );
}
