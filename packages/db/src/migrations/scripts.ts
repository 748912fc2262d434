import { existsSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { Finding } from '@drydock/kit';

const FILE = 'migration.sql';
/** What a program runs; `down.sql` is ours. */
const SCRIPT = /\.(sql|[mc]?[jt]s|tsx|py|rb|go|php|sh)$/;
const NONE = /^(migration\.sql|down\.sql|.*\.d\.[mc]?ts|.*\.(test|spec)\.[mc]?[jt]s)$/i;

/** A folder of the product's own kind: no SQL that Prisma would run, but a script that somebody else does. */
export function isScriptAlone(folder: string): boolean {
  const names = readdirSync(folder);
  return !names.some((name) => name.toLowerCase() === FILE) && names.some(isScript);
}

function isScript(name: string): boolean {
  return SCRIPT.test(name) && !NONE.test(name);
}

/** Scripts among the migrations, by the place that their names give them: relative to the folder. */
export function scriptsAmong(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true })
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (!entry.isDirectory()) return isScript(entry.name) ? [path] : [];
      return readdirSync(path)
        .filter(isScript)
        .map((name) => join(path, name));
    })
    .map((path) => relative(folder, path))
    .sort();
}

/** Said, since nobody here runs them, nor does Prisma's CLI: of those that come behind what is applied, or beside what is pending. */
export function scriptFindings(
  folder: string,
  { applied, pending }: { applied: string[]; pending: string[] },
): Finding[] {
  const last = applied.toSorted().at(-1) ?? '';
  const order = (path: string) => path.split(/[\\/]/)[0] ?? path;
  const ahead = scriptsAmong(folder).filter((path) => pending.includes(order(path)) || order(path) > last);
  if (pending.length === 0 || ahead.length === 0) return [];
  const shown = ahead.slice(0, 5).join(', ');
  return [
    {
      level: 'warn',
      code: 'SCRIPT_NOT_RUN',
      message: `Among what is pending ${ahead.length === 1 ? 'is' : 'are'} ${shown}${ahead.length > 5 ? ` and ${ahead.length - 5} more` : ''}: neither Prisma's CLI nor db:deploy runs anything but ${FILE}.`,
      hint: 'Run it yourself where its name puts it: deploy what comes before it first, if what follows needs it.',
    },
  ];
}
