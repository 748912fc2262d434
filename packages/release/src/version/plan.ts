import { command, hint, type LoadedConfig, type OpsError, usageError } from '@drydock/kit';
import semver from 'semver';
import { releaseConfig } from '../config.ts';
import { changelogOf, suggestedBump } from './changelog.ts';
import { type Git, gitIn } from './git.ts';
import { readTags, type VersionTag } from './tags.ts';

const PARTS = ['major', 'minor', 'patch'] as const;
type Part = (typeof PARTS)[number];

export type VersionPlan = {
  tag: string;
  version: string;
  /** The version before, on the way to this commit. */
  from: string | null;
  /** Markdown. */
  changelog: string;
  /** Where it is pushed to. */
  remote: string | null;
};

/** What `--bump` asks for; the task's flag says it so. */
export function readBump(raw: string): string {
  if ([...PARTS, 'auto'].includes(raw as Part) || semver.valid(raw)) return raw;
  throw new Error('must be major, minor, patch, auto or a version such as 1.4.0');
}

/** The tag that the commit gets. Refused (exit 2): a tag that exists, here or at the remote; a clone that cannot tell what came before. */
export async function planVersion(
  config: LoadedConfig,
  commit: string,
  bump: string,
  signal: AbortSignal,
): Promise<VersionPlan> {
  const release = releaseConfig(config);
  const { tagPrefix, remote, push } = release.version;
  const git = gitIn(config.root, signal);
  await refuseShallow(git, commit);
  const { tags, hasRemote } = await readTags(git, release, signal);
  const already = tags.find((one) => one.commit === commit);
  if (already)
    throw usageError(
      'COMMIT_TAGGED',
      `Commit ${commit.slice(0, 10)} is ${already.tag} already.`,
      hint`Build it as that: ${command('release:build')}`,
    );
  const before = await newestBefore(git, tags, commit);
  const part = bump === 'auto' ? await suggestedBump({ root: config.root, tagPrefix, commit, before, signal }) : bump;
  const version = PARTS.includes(part as Part)
    ? (semver.inc(before?.version ?? '0.0.0', part as Part) ?? '')
    : (semver.valid(part) ?? '');
  const tag = `${tagPrefix}${version}`;
  const taken = tags.find((one) => one.version === version);
  if (taken) throw tagExists(taken, commit, remote);
  const changelog = await changelogOf({ root: config.root, tagPrefix, tag, commit, before, signal });
  return { tag, version, from: before?.tag ?? null, changelog, remote: push && hasRemote ? remote : null };
}

/** The history says what came before, and what is new. */
async function refuseShallow(git: Git, commit: string): Promise<void> {
  if ((await git(['rev-parse', '--is-shallow-repository'])).stdout.trim() !== 'true') return;
  throw usageError(
    'SHALLOW_CLONE',
    `This clone is shallow: which version came before commit ${commit.slice(0, 10)}, and what is new since, cannot be told.`,
    'Fetch the rest: git fetch --unshallow --tags   (GitHub Actions: fetch-depth: 0)',
  );
}

/** The highest version that the commit contains. */
async function newestBefore(git: Git, tags: VersionTag[], commit: string): Promise<VersionTag | undefined> {
  const sorted = tags.toSorted((a, b) => semver.rcompare(a.version, b.version));
  for (const one of sorted) {
    // 128: a commit that was never fetched, which this one then does not contain.
    const { code } = await git(['merge-base', '--is-ancestor', one.commit, commit], { okCodes: [1, 128] });
    if (code === 0) return one;
  }
  return undefined;
}

export function tagExists({ tag, commit: other }: VersionTag, commit: string, remote: string): OpsError {
  return usageError(
    'TAG_EXISTS',
    `The tag ${tag} exists: it is commit ${other.slice(0, 10)}, which ${commit.slice(0, 10)} is not.`,
    `Take another version, or fetch what is there and build on it: git fetch --tags ${remote}`,
  );
}
