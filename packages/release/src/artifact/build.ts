import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Environment, exec, type LoadedConfig, OpsError, requireTool, usageError } from '@drydock/kit';
import { type ReleaseConfig, releaseConfig } from '../config.ts';
import { bomText } from './bom.ts';
import { inputsOf, platformOf } from './inputs.ts';
import { moveNearby } from './nearby.ts';
import { dropNoise } from './noise.ts';
import { dropDeadLinks, dropUnasked, installedPackages, ownPackages } from './packages.ts';
import { recipeOf } from './recipe.ts';
import type { Artifact, ArtifactStore } from './types.ts';
import { inWorkspace } from './workspace.ts';

export interface BuildInput {
  config: LoadedConfig;
  environment: Environment;
  commit: string;
  run: string;
  signal: AbortSignal;
  onLine(line: string): void;
}

/** Exports the commit (never the working tree), runs the product's build commands in it, and keeps it by content. */
export async function buildArtifact(input: BuildInput & { store: ArtifactStore }): Promise<Artifact> {
  const { config, environment, commit, store, signal } = input;
  const release = releaseConfig(config);
  return inWorkspace({ product: config.product, ...input }, async (folder) => {
    const { time } = await buildTree(folder, input);
    const bom = bomText({ product: config.product, commit, packages: installedPackages(folder) });
    const kept = await store.keep(folder, commit, {
      signal,
      time,
      bom,
      inputs: inputsOf(config, release, environment),
    });
    moveNearby(folder, kept.digest, time);
    return kept;
  });
}

/** A built tree in a folder of the caller's. */
export async function buildTree(
  folder: string,
  { config, environment, commit, signal, onLine }: BuildInput,
): Promise<{ time: number; dropped: string[] }> {
  const release = releaseConfig(config);
  refuseOtherPlatform(release);
  const { stdout } = await exec('git', ['log', '-1', '--format=%ct', commit], { cwd: config.root, signal });
  const time = Number(stdout.trim());
  const { include, build, dependencies } = await recipeOf(config, release, commit);
  await exportCommit(config.root, commit, include, folder, signal);
  // https://reproducible-builds.org/specs/source-date-epoch/
  const env = { ...environment.forChild('build'), CI: 'true', TZ: 'UTC', SOURCE_DATE_EPOCH: String(time) };
  for (const { command, cwd } of build) {
    const [program = '', ...args] = command.map((part) => part.replaceAll('{artifact}', folder));
    onLine(command.join(' '));
    await exec(program === 'node' ? process.execPath : program, args, {
      cwd: cwd === 'checkout' ? config.root : folder,
      env,
      signal,
      onLine,
    });
  }
  const dropped =
    dependencies === 'installed'
      ? []
      : dropUnasked(folder, packagesOf(release, folder), { development: dependencies === 'asked-for' });
  dropNoise(folder, release.artifact.exclude);
  dropDeadLinks(folder);
  return { time, dropped };
}

function packagesOf({ artifact: { packages } }: ReleaseConfig, folder: string): string[] {
  if (!packages) return ownPackages(folder);
  const unknown = packages.find((name) => !existsSync(join(folder, name, 'package.json')));
  if (unknown === undefined) return packages;
  throw usageError(
    'ARTIFACT_PACKAGE_UNKNOWN',
    `${unknown} of release.artifact.packages has no package.json in the artefact.`,
    'It is the folder of a package, from the root of the repository; does release.artifact.include have it?',
  );
}

function refuseOtherPlatform(release: ReleaseConfig): void {
  const here = `${process.platform}-${process.arch}`;
  if (platformOf(release) === here) return;
  throw new OpsError({
    code: 'ARTIFACT_PLATFORM',
    message: `Versions run on ${platformOf(release)} (release.artifact.platform), and this machine is ${here}: what is compiled here would not run there.`,
    hint: 'Build it on such a machine, in CI for one; every checkout then finds it.',
    exit: 2,
  });
}

async function exportCommit(
  root: string,
  commit: string,
  include: string[],
  folder: string,
  signal: AbortSignal,
): Promise<void> {
  const tar = join(folder, '.export.tar');
  await exec('git', ['archive', '--format=tar', '-o', tar, commit, '--', ...include], { cwd: root, signal });
  await exec(requireTool('tar'), ['-xf', tar, '-C', folder], { signal });
  await rm(tar);
}
