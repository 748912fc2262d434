import { chmodSync, copyFileSync, cpSync, globSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { WiredTask } from '@drydock/kit/cli';
import { SECTIONS_FILE } from '@drydock/kit/config';
import { readSections, wiredOf } from '../wire/config.ts';
import { configTypes } from './config-types.ts';
import { manifestOf, runtimeOf } from './manifest.ts';
import { builtName, modulesOf } from './modules.ts';

/** They need the checkout, or the sandbox. */
const STAYS = new Set(['bench', 'check', 'pack', 'start', 'wire']);
const DOOR = 'packages/cli/src/drydock.ts';
/** Files that modules read beside them. */
const READ_BESIDE = ['packages/*/src/**/*.{eta,js,css,toml}', 'packages/*/artifacts/*.json', 'docs/*.md', 'README.md'];

/** The tasks that a product gets. */
export function tasksFor(wired: readonly WiredTask[]): WiredTask[] {
  return wired.filter(({ name, file }) => !STAYS.has(name) && !file.startsWith('packages/sandbox/'));
}

/** Writes the one package into an empty folder: the toolkit's own places, as JavaScript. */
export async function buildPackage(toolkit: string, wired: readonly WiredTask[], into: string): Promise<void> {
  const tasks = tasksFor(wired);
  const sections = await readSections(toolkit);
  const entries = [...tasks.map(({ file }) => file), ...sections.map(({ file }) => file), DOOR];
  const modules = modulesOf(toolkit, entries);
  const write = (file: string, content: string | object) => {
    mkdirSync(dirname(join(into, file)), { recursive: true });
    const text = typeof content === 'string' ? content : `${JSON.stringify(content, null, 2)}\n`;
    writeFileSync(join(into, file), text);
  };
  for (const [file, code] of modules.files) write(file, code);
  for (const file of globSync(READ_BESIDE, { cwd: toolkit })) {
    const folder = file.split('/').slice(0, 2).join('/');
    if (folder.startsWith('packages/') && ![...modules.files.keys()].some((one) => one.startsWith(`${folder}/`)))
      continue;
    mkdirSync(dirname(join(into, file)), { recursive: true });
    copyFileSync(join(toolkit, file), join(into, file));
  }
  const built = <T extends { file: string }>(one: T): T => ({ ...one, file: builtName(one.file) });
  write('tasks.json', tasks.map(built));
  write(SECTIONS_FILE, sections.map(wiredOf).map(built));
  write('package.json', manifestOf(toolkit, modules));
  write('runtime.json', runtimeOf(toolkit));
  const types = configTypes(sections.map(({ section }) => section));
  write('index.d.ts', types);
  write('index.d.cts', types);
  // Plain JavaScript, as it is: the command for every Node, and what a config imports.
  cpSync(join(toolkit, 'packages/cli/installed'), into, { recursive: true });
  chmodSync(join(into, 'bin/drydock.cjs'), 0o755);
}
