import { existsSync, readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { parseSync } from 'oxc-parser';
import { packagesOf } from './packages.ts';

/** What is loaded when tasks run, as JavaScript. */
export interface Modules {
  /** By their place in the toolkit, which stays: `packages/kit/src/index.js`. */
  files: Map<string, string>;
  /** Packages of others that are imported, with the packages of ours that do. */
  imported: Map<string, Set<string>>;
}

/**
 * The modules that `entries` load, one after the other, and what they load. Types are blanked out, so that a line and a column stay
 * what they are in the sources. A package of ours is reached by its place, which no package manager moves.
 */
export function modulesOf(toolkit: string, entries: readonly string[]): Modules {
  const doors = doorsOf(toolkit);
  const files = new Map<string, string>();
  const imported = new Map<string, Set<string>>();
  const seen = new Set<string>();
  const waiting = [...entries];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (seen.has(file)) continue;
    seen.add(file);
    const code = javascriptOf(join(toolkit, file));
    const places: Place[] = [];
    for (const place of specifiersIn(file, code)) {
      const target = targetOf(place.value, file, doors);
      if (target === undefined) {
        if (!place.value.startsWith('node:')) add(imported, packageOf(place.value), ownerOf(file));
        continue;
      }
      if (!existsSync(join(toolkit, target))) throw new Error(`${file} imports ${place.value}, which is not there.`);
      waiting.push(target);
      places.push({ ...place, value: wayTo(builtName(target), file) });
    }
    files.set(builtName(file), withSpecifiers(code, places));
  }
  return { files, imported };
}

/** `packages/kit/src/index.ts` → `packages/kit/src/index.js` */
export function builtName(file: string): string {
  return file.replace(/\.ts$/, '.js');
}

interface Place {
  value: string;
  start: number;
  end: number;
}

function javascriptOf(path: string): string {
  const text = readFileSync(path, 'utf8');
  return path.endsWith('.ts') ? withoutTypes(text) : text;
}

/** What Node itself does with these files, and warns of when it is asked to. */
function withoutTypes(text: string): string {
  const emit = process.emitWarning;
  process.emitWarning = () => {};
  try {
    return stripTypeScriptTypes(text);
  } finally {
    process.emitWarning = emit;
  }
}

/** All that a module imports by a literal. */
function specifiersIn(file: string, code: string): Place[] {
  const { module, errors } = parseSync(`${file}.mjs`, code);
  if (errors.length > 0) throw new Error(`${file}: ${errors[0]?.message}`);
  const dynamic = module.dynamicImports.flatMap(({ moduleRequest: { start, end } }) => {
    const [, value] = /^'([^']+)'$/.exec(code.slice(start, end)) ?? [];
    return value === undefined ? [] : [{ value, start, end }];
  });
  const requests = [
    ...module.staticImports.map(({ moduleRequest }) => moduleRequest),
    // Each name of `export { a, b } from` has it.
    ...module.staticExports.flatMap(({ entries }) => entries.slice(0, 1).flatMap((one) => one.moduleRequest ?? [])),
    ...dynamic,
  ];
  return requests.sort((a, b) => a.start - b.start);
}

/** The file of ours that is meant; undefined for a package of others. */
function targetOf(specifier: string, from: string, doors: Map<string, string>): string | undefined {
  if (specifier.startsWith('.')) return join(dirname(from), specifier);
  const door = doors.get(specifier);
  if (door === undefined && specifier.startsWith('@drydock/'))
    throw new Error(`${from} imports ${specifier}, which its package does not export.`);
  return door;
}

function withSpecifiers(code: string, places: readonly Place[]): string {
  return places.reduceRight(
    (text, { value, start, end }) => `${text.slice(0, start)}'${value}'${text.slice(end)}`,
    code,
  );
}

function wayTo(target: string, from: string): string {
  const way = relative(dirname(from), target);
  return way.startsWith('.') ? way : `./${way}`;
}

/** `@drydock/kit/sql` → `packages/kit/src/sql/index.ts` */
function doorsOf(toolkit: string): Map<string, string> {
  return new Map(
    packagesOf(toolkit).flatMap(({ folder, manifest: { name, exports = {} } }) =>
      Object.entries(exports).map(([door, file]) => [join(name, door), join(folder, file)] as const),
    ),
  );
}

function packageOf(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
}

/** The folder of ours whose package.json says which version. */
export function ownerOf(file: string): string {
  return file.startsWith('packages/') ? file.split('/').slice(0, 2).join('/') : '.';
}

function add(map: Map<string, Set<string>>, key: string, value: string): void {
  map.set(key, (map.get(key) ?? new Set()).add(value));
}
