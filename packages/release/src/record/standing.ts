import type { Release } from './types.ts';

/**
 * What stands on what, the live one first: a release is put on top, a rollback takes off what is above the one that it goes to. One
 * that went back by itself never stood. Released again over itself, a version stands once, as it was released first; one that is
 * brought back from among those that were taken off is put on top like any.
 */
export function standingOf(oldestFirst: readonly Release[]): Release[] {
  const stack: Release[] = [];
  for (const release of oldestFirst) {
    if (release.outcome === 'went back' || stack.at(-1)?.digest === release.digest) continue;
    const below = release.kind === 'rollback' ? stack.findLastIndex(({ digest }) => digest === release.digest) : -1;
    if (below >= 0) stack.length = below + 1;
    else stack.push(release);
  }
  return stack.reverse();
}
