import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { type Target, targetOf } from '@drydock/db';
import {
  command,
  type Environment,
  hint,
  type LoadedConfig,
  makeStateFolder,
  OpsError,
  renameDurably,
} from '@drydock/kit';

/**
 * The database with the migrations of a version, whatever commit is checked out: going back must work from where one is. They are
 * taken out of git, into `.drydock/commits/<commit>`, once in a checkout.
 */
export function targetOfCommit(config: LoadedConfig, environment: Environment, commit: string): Target {
  const target = targetOf(config, environment);
  const git = (...args: string[]) =>
    execFileSync('git', args, { cwd: config.root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
  const top = (() => {
    try {
      git('cat-file', '-e', `${commit}^{commit}`);
      return git('rev-parse', '--show-toplevel');
    } catch (cause) {
      throw new OpsError({
        code: 'COMMIT_UNKNOWN',
        message: `Commit ${commit.slice(0, 10)} is not in this clone, and with it the migrations of the version that is live.`,
        hint: 'git fetch origin --unshallow   (or without --unshallow where the clone is whole)',
        cause,
      });
    }
  })();
  const folder = join(makeStateFolder(config.root, 'commits'), commit);
  const paths = [target.migrationsDir, target.schemaFile];
  if (!existsSync(folder)) {
    const inside = paths.map((path) => relative(top, path));
    refuseMissing(commit, inside, git);
    const partial = mkdtempSync(`${folder}-`);
    const tar = join(partial, '.tar');
    execFileSync('git', ['archive', '-o', tar, commit, '--', ...inside], { cwd: top, stdio: 'pipe' });
    execFileSync('tar', ['-xf', tar, '-C', partial], { stdio: 'pipe' });
    rmSync(tar);
    renameDurably(partial, folder);
  }
  const there = (path: string) => join(folder, relative(top, path));
  return { ...target, migrationsDir: there(target.migrationsDir), schemaFile: there(target.schemaFile) };
}

/** A commit from before Prisma, or one that had it elsewhere. */
function refuseMissing(commit: string, paths: readonly string[], git: (...args: string[]) => string): void {
  const missing = paths.filter((path) => git('ls-tree', '--full-tree', '--name-only', commit, '--', path) === '');
  if (missing.length === 0) return;
  throw new OpsError({
    code: 'MIGRATIONS_NOT_IN_COMMIT',
    message: `Commit ${commit.slice(0, 10)}, which is live, has no ${missing.join(' and no ')}: what lies between it and another version cannot be told.`,
    hint: hint`Release the commit that should serve: ${command('release')}`,
  });
}
