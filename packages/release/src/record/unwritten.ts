import type { Release, ReleaseRecord } from './types.ts';

/**
 * The release that the record has as live although what it had replaced serves again: it went back, and that could not be written
 * down (its database was away), or somebody switched by hand.
 */
export async function wentBackUnwritten(
  record: Pick<ReleaseRecord, 'standing' | 'live'>,
  serves: string | undefined,
): Promise<Release | undefined> {
  const live = await record.live();
  if (!live || live.version === serves) return undefined;
  const [, before] = await record.standing();
  return before && before.version === serves ? live : undefined;
}
