import { hash } from 'node:crypto';
import type { Environment, LoadedConfig } from '@drydock/kit';
import type { ReleaseConfig } from '../config.ts';

/** What versions of the product run on. */
export function platformOf({ artifact }: ReleaseConfig): string {
  return artifact.platform ?? `${process.platform}-${process.arch}`;
}

/**
 * What an artefact is made by besides its commit: the config of the build, and the variables that it may know. Of secrets the name
 * alone: a token that opens a registry makes nothing else of it, and its sum would be there for all to guess at.
 */
export function inputsOf(config: LoadedConfig, { artifact }: ReleaseConfig, environment: Environment): string {
  // What follows from the commit is no input besides it.
  const { include, build = include && [], packages = null, exclude } = artifact;
  const dependencies = artifact.dependencies ?? ((include ?? build) && 'asked-for');
  const variables = Object.entries(config.variables)
    .filter(([, spec]) => spec.for === 'build')
    .map(([name, { secret }]) => [name, secret ? environment.has(name) : (environment.get(name) ?? null)])
    .sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
  return hash('sha256', JSON.stringify({ include, build, packages, dependencies, exclude, variables }));
}
