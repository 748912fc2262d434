import { accessSync, constants } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';
import { type Environment, type LoadedConfig, usageError } from '@drydock/kit';
import type { AppConfig } from '../config/app.ts';
import { productEnvironment } from './environment.ts';
import { configuredNode } from './node.ts';

/** What a version is started with, as it will be looked for: on the product's PATH, which is not the one of whoever releases. */
export function startingProgram(
  config: LoadedConfig,
  environment: Environment,
  app: Pick<AppConfig, 'command' | 'node' | 'inherit'>,
): string {
  const [program = ''] = app.command;
  // That of the version itself is there once it is built.
  if (program === 'node' || (program.includes('/') && !isAbsolute(program))) return program;
  const node = configuredNode(config, app.node) ?? process.execPath;
  const [, ...folders] = (productEnvironment(config, environment, app, node).env.PATH ?? '').split(delimiter);
  const own = app.node === undefined ? [] : [join(node, '..')];
  const places = isAbsolute(program) ? [program] : [...own, ...folders].map((folder) => join(folder, program));
  const found = places.find(isExecutable);
  if (found) return found;
  throw usageError(
    'TOOL_MISSING',
    `${program}, which release.app.command starts the product with, is not on the product's PATH: ${[...own, ...folders].join(delimiter)}.`,
    `Name it by its path, name in release.app.node a Node that has it beside it, or set PATH in an env file of ${environment.name}.`,
  );
}

export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
