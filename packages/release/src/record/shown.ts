import type { Evidence, Release } from './types.ts';

/** Is this what somebody calls it? Versions, digests and commits may be shortened, so far as they are still told apart by a person. */
export function isOf({ version, digest, commit, tag, run }: Release, name: string): boolean {
  const short = name.length >= 7 && [digest, commit].some((whole) => whole.startsWith(name.toLowerCase()));
  return short || [version, tag, run].includes(name);
}

/** Live since, until, version, commit, tag, by, run, and what else is to be said. */
export function releaseRow(release: Release, before: Release | undefined): string[] {
  const { liveSince, liveUntil, version, commit, tag, actor, host, run, kind, outcome, subject } = release;
  const said = [
    ...(outcome === 'live' ? ['live'] : []),
    ...(release.id === before?.id ? ['before'] : []),
    ...(outcome === 'went back' ? ['went back'] : []),
    ...(kind === 'release' ? [] : [kind]),
    subject,
  ];
  return [
    minute(liveSince),
    liveUntil ? minute(liveUntil) : '',
    version,
    commit.slice(0, 10),
    tag ?? '',
    `${actor} on ${host}`,
    run,
    said.join(', '),
  ];
}

export function evidenceRow({ item, ok, says, by, at, until, link }: Evidence): string[] {
  return [item, ok ? '✔' : '✖', link ? `${says} (${link})` : says, by, minute(at), until ? minute(until) : ''];
}

/** `2026-11-26 14:05`, in UTC as everything here. */
export function minute(iso: string): string {
  return iso.slice(0, 16).replace('T', ' ');
}
