import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { exec, OpsError, toOpsError, usageError } from '@drydock/kit';

interface Range {
  root: string;
  tagPrefix: string;
  commit: string;
  /** The version before; without one all of the history is new. */
  before: { tag: string; version: string; commit: string } | undefined;
  signal: AbortSignal;
}

/** What is new in the tag, by git-cliff, with the product's own cliff.toml where it has one. */
export async function changelogOf({ tag, ...range }: Range & { tag: string }): Promise<string> {
  return (await gitCliff(range, ['--tag', tag, '--strip', 'all'])).trim();
}

/** What the commits ask for, as Conventional Commits say it. */
export async function suggestedBump(range: Range): Promise<'major' | 'minor' | 'patch'> {
  if (!range.before) return 'minor';
  const releases = JSON.parse(await gitCliff(range, ['--context'])) as { commits: CliffCommit[] }[];
  const commits = releases.flatMap((release) => release.commits);
  if (commits.some(({ breaking }) => breaking)) return 'major';
  if (commits.some(({ raw_message = '' }) => /^feat\b/i.test(raw_message))) return 'minor';
  if (commits.length > 0) return 'patch';
  throw usageError(
    'NOTHING_TO_BUMP',
    `Nothing that follows ${range.before.tag} asks for a new version.`,
    'Say which: --bump patch, or a version such as 1.4.0',
  );
}

/** As far as it is read here. */
interface CliffCommit {
  breaking?: boolean;
  raw_message?: string;
}

async function gitCliff({ root, tagPrefix, commit, before, signal }: Range, args: string[]): Promise<string> {
  const own = ['cliff.toml', '.config/cliff.toml'].map((name) => join(root, name)).find((file) => existsSync(file));
  try {
    const { stdout } = await exec(
      process.execPath,
      [
        fileURLToPath(import.meta.resolve('git-cliff/cli')),
        '--config',
        own ?? join(import.meta.dirname, 'cliff.toml'),
        '--repository',
        root,
        '--offline',
        '--tag-pattern',
        `^${tagPrefix.replaceAll('.', '\\.')}[0-9]`,
        ...args,
        ...(before ? ['--', `${before.commit}..${commit}`] : []),
      ],
      { cwd: root, env: { PATH: process.env.PATH, HOME: process.env.HOME, NO_COLOR: '1' }, signal },
    );
    return stdout;
  } catch (thrown) {
    signal.throwIfAborted();
    throw new OpsError({
      code: 'CHANGELOG_FAILED',
      message: `git-cliff cannot tell what is new: ${/^Error: .*$/m.exec(toOpsError(thrown).message)?.[0] ?? 'it failed'}`,
      hint: own ? `Mend ${own}.` : undefined,
      exit: 2,
      cause: thrown,
    });
  }
}
