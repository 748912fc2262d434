import { OpsError, toOpsError, usageError } from '@drydock/kit';
import semver from 'semver';
import type { ReleaseConfig } from '../config.ts';
import { type Git, REMOTE_WITHIN_MS } from './git.ts';

export interface VersionTag {
  tag: string;
  /** Without what stands before it. */
  version: string;
  commit: string;
}

/** Tags that name a version, in the clone and at its remote. One that they have for different commits is refused. */
export async function readTags(git: Git, { version: { tagPrefix, remote } }: ReleaseConfig, signal: AbortSignal) {
  const local = parse((await git(['show-ref', '--tags', '--dereference'], { okCodes: [1] })).stdout, tagPrefix);
  const hasRemote = (await git(['remote'])).stdout.split('\n').includes(remote);
  const there = hasRemote ? parse(await askRemote(git, remote, signal), tagPrefix) : [];
  const byTag = new Map(local.map((one) => [one.tag, one]));
  for (const one of there) {
    const ours = byTag.get(one.tag);
    if (ours && ours.commit !== one.commit)
      throw usageError(
        'TAG_DIFFERS',
        `The tag ${one.tag} is commit ${ours.commit.slice(0, 10)} here, and ${one.commit.slice(0, 10)} at ${remote}.`,
        `What is at ${remote} counts for others: git fetch --force ${remote} tag ${one.tag}`,
      );
    byTag.set(one.tag, one);
  }
  return { tags: [...byTag.values()], hasRemote };
}

async function askRemote(git: Git, remote: string, signal: AbortSignal): Promise<string> {
  const late = AbortSignal.timeout(REMOTE_WITHIN_MS);
  try {
    return (await git(['ls-remote', '--tags', remote], { signal: AbortSignal.any([signal, late]) })).stdout;
  } catch (thrown) {
    signal.throwIfAborted();
    throw new OpsError({
      code: 'REMOTE_UNREACHABLE',
      message: `Which tags there are cannot be told: ${remote} ${late.aborted ? 'does not answer' : `says ${lastLine(thrown)}`}.`,
      hint: `Look at it: git ls-remote --tags ${remote}`,
      exit: 2,
      cause: thrown,
    });
  }
}

/** Lines `<commit> refs/tags/<tag>`; an annotated tag has a second one, with `^{}`, for the commit that it names. */
function parse(text: string, prefix: string): VersionTag[] {
  const found = new Map<string, VersionTag>();
  for (const line of text.split('\n')) {
    const [, commit = '', tag = ''] = /^([0-9a-f]{40,64})\s+refs\/tags\/(.+?)(\^\{\})?$/.exec(line) ?? [];
    const version = tag.startsWith(prefix) ? semver.valid(tag.slice(prefix.length)) : null;
    if (version) found.set(tag, { tag, version, commit });
  }
  return [...found.values()];
}

function lastLine(thrown: unknown): string {
  return toOpsError(thrown).message.trim().split('\n').at(-1) ?? '';
}
