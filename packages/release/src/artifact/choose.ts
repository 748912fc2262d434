import { OpsError } from '@drydock/kit';
import type { Artifact } from './types.ts';

/** A version or a commit is named by so many digits at least. */
const SHORTEST = 4;

/** The one that a person means by a version, digest, tag or commit, of several of one commit that of the platform; newest first. */
export function choose(all: Artifact[], name: string, platform: string): Artifact | undefined {
  const tagged = all.filter(({ tag }) => tag === name);
  const short = /^[0-9a-f]+$/.test(name) && name.length >= SHORTEST;
  const named = short ? all.filter(({ digest, commit }) => digest.startsWith(name) || commit.startsWith(name)) : [];
  const found = tagged.length > 0 ? tagged : named;
  const [first] = found;
  if (!first) return undefined;
  const others = new Set(found.filter(({ commit }) => commit !== first.commit).map(({ digest }) => digest));
  others.delete(first.digest);
  if (others.size === 0) return found.find((one) => one.platform === platform) ?? first;
  throw new OpsError({
    code: 'ARTIFACT_AMBIGUOUS',
    message: `${name} names ${others.size + 1} artefacts: ${[first.digest, ...others].map((digest) => digest.slice(0, 12)).join(', ')}.`,
    hint: 'Give more digits of it.',
    exit: 2,
  });
}
