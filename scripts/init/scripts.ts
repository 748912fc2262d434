import { existsSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { TOOLKIT } from '@drydock/kit/cli';
import { applyEdits, modify } from 'jsonc-parser';
import type { Answers } from './answers.ts';
import type { Found } from './look.ts';

/** Under this name the toolkit is installed. */
const PACKAGE = 'drydock';

/** Is it installed in the product, so that its command and its types are found from there? */
export function isInstalled({ folder, manifest }: Pick<Found, 'folder' | 'manifest'>): boolean {
  return PACKAGE in manifest.dependencies || existsSync(folder.at('node_modules', PACKAGE, 'package.json'));
}

/** Scripts that are not there yet: the task by the installed command, or from the toolkit's own folder. */
export function newScripts(
  found: Found,
  { health, release }: Pick<Answers, 'health' | 'release'>,
): Record<string, string> {
  const tasks = [
    'db:status',
    'db:dry-run',
    'db:deploy',
    'db:backup',
    ...(health ? ['health:check'] : []),
    ...(release ? ['release'] : []),
  ];
  const line = isInstalled(found) ? (task: string) => `drydock ${task}` : fromToolkit(found.folder.root);
  const wanted = [...(isInstalled(found) ? [['drydock', 'drydock']] : []), ...tasks.map((task) => [task, line(task)])];
  return Object.fromEntries(wanted.filter(([name = '']) => !(name in found.manifest.scripts)));
}

/** npm changes to the toolkit's folder, and puts its pinned Node first; `$PWD` is the product's, in which npm runs a script. */
function fromToolkit(root: string): (task: string) => string {
  const path = relative(root, TOOLKIT);
  const prefix = /[^\w./-]/.test(path) ? `"${path.replaceAll(/["\\$`]/g, '\\$&')}"` : path;
  return (task) => `npm --prefix ${prefix} run --silent ${task} -- --config "$PWD"`;
}

/** Its indentation, line ends, order and all that is in it stay. */
export function withScripts(text: string, scripts: Record<string, string>): string {
  const [, indent = '  '] = /^[^\S\r\n]*\{\s*?\r?\n([ \t]+)"/.exec(text) ?? [];
  const formattingOptions = {
    insertSpaces: !indent.startsWith('\t'),
    tabSize: indent.startsWith('\t') ? 1 : indent.length,
    eol: /\r\n/.test(text) ? '\r\n' : '\n',
  };
  return Object.entries(scripts).reduce(
    (changed, [name, line]) => applyEdits(changed, modify(changed, ['scripts', name], line, { formattingOptions })),
    text,
  );
}

/** With its byte order mark, where it has one. */
export function rawText(root: string, path: string): string {
  return readFileSync(join(root, path), 'utf8');
}
