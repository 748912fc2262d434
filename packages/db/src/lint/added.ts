import { existsSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { command, exec, type Finding, hint, usageError } from '@drydock/kit';

/** Where a pull request goes, unless it is said. */
const BASES = ['origin/HEAD', 'origin/main', 'origin/master', 'main', 'master'];

export interface Added {
  /** The branch, and the commit that this checkout left it at. */
  base: string;
  from: string;
  /** Files of migrations that are not there yet, committed or not. */
  files: string[];
  findings: Finding[];
}

/** What a checkout has made of the migrations since it left a branch. Asks git alone. */
export async function findAdded(migrationsDir: string, wanted: string | undefined): Promise<Added> {
  const folder = existsSync(migrationsDir) ? migrationsDir : dirname(migrationsDir);
  const git = (...args: string[]) => exec('git', args, { cwd: folder, okCodes: [1, 128, 129] });
  const top = await git('rev-parse', '--show-toplevel');
  if (top.code !== 0) throw usageError('NO_GIT', `${folder} is in no git checkout.`, 'Name the files: db:lint FILE…');
  const base = await findBase(git, wanted);
  const merged = await git('merge-base', base, 'HEAD');
  const from = merged.stdout.trim();
  if (merged.code !== 0 || !from)
    throw usageError(
      'BASE_UNRELATED',
      `${base} and this checkout have no commit in common that is here.`,
      'A shallow clone has too few: actions/checkout with fetch-depth: 0, or git fetch --unshallow.',
    );
  const root = top.stdout.trim();
  const listed = async (...args: string[]) =>
    (await git(...args)).stdout
      .split('\0')
      .filter((path) => basename(path) === 'migration.sql')
      .map((path) => join(root, path));
  const changed = (kind: string) =>
    listed('diff', '--no-renames', '--name-only', '-z', `--diff-filter=${kind}`, from, '--', folder);
  const untracked = (await git('ls-files', '--others', '--exclude-standard', '--full-name', '-z', '--', folder)).stdout;
  const fresh = untracked
    .split('\0')
    .filter((path) => basename(path) === 'migration.sql')
    .map((path) => join(root, path));
  const files = [...new Set([...(await changed('A')), ...fresh])].filter((file) => existsSync(file));
  const findings: Finding[] = [];
  for (const file of await changed('M'))
    if (!(await sameButLineEnds(git, { from, root, file })))
      findings.push({
        level: 'error',
        code: 'MIGRATION_EDITED',
        message: `${basename(dirname(file))} is on ${base} already, and is changed here: where it is applied, no deploy goes on.`,
        hint: 'Put the file back, and make the change in a new migration.',
        file,
        line: 1,
      });
  for (const file of await changed('D'))
    if (!existsSync(file))
      findings.push({
        level: 'error',
        code: 'MIGRATION_MISSING',
        message: `${basename(dirname(file))} is on ${base}, and is taken away here: where it is applied, no deploy goes on.`,
        hint: 'Bring it back; what it made is undone by a new migration.',
      });
  return { base, from, files, findings };
}

type Git = (...args: string[]) => Promise<{ stdout: string; code: number }>;

async function findBase(git: Git, wanted: string | undefined): Promise<string> {
  for (const name of wanted ? [wanted] : BASES) {
    const { code } = await git('rev-parse', '--verify', '--quiet', '--end-of-options', `${name}^{commit}`);
    if (code === 0) return name;
  }
  throw usageError(
    'BASE_UNKNOWN',
    wanted ? `${wanted} is no commit of this clone.` : `None of ${BASES.join(', ')} is a commit of this clone.`,
    hint`Say what the pull request goes into: ${command('db:lint', { base: 'origin/main' })}   (git fetch origin, if it is not here)`,
  );
}

async function sameButLineEnds(
  git: Git,
  { from, root, file }: { from: string; root: string; file: string },
): Promise<boolean> {
  const { stdout } = await git('show', `${from}:${relative(root, file).split(sep).join('/')}`);
  const plain = (text: string) => text.replaceAll('\r\n', '\n').trimEnd();
  return plain(stdout) === plain(readFileSync(file, 'utf8'));
}

/** Files that are named: a migration.sql or another .sql, or the folder of one. */
export function namedFiles(words: readonly string[], from: (path: string) => string): string[] {
  return words.map((word) => {
    const path = [resolve(word), from(word)].find((one) => existsSync(one));
    const file = path && statSync(path).isDirectory() ? join(path, 'migration.sql') : path;
    if (file && existsSync(file)) return file;
    throw usageError('FILE_MISSING', `There is no ${file ?? word}.`, command('db:lint', { help: true }));
  });
}
