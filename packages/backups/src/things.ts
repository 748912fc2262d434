import { shortList } from '@drydock/kit';
import { differingThings } from '@drydock/kit/inventory';
import type { Manifest } from './manifest.ts';

/** A few are enough to know where to look. */
const NAMED = 5;

/**
 * `: public.Job, public.User and 3 more` for the end of a sentence about what a database has otherwise than a backup; empty where the
 * manifest has no names. A server of another major version prints what things are in other words: there those alone are named that
 * one side lacks.
 */
export function namesText(
  { things, serverVersion }: Manifest,
  live: { things: Record<string, string>; major: number },
  access = true,
): string {
  if (!things) return '';
  const definitions = Number.parseInt(serverVersion, 10) === live.major;
  const names = differingThings(things, live.things, { definitions, access });
  return names.length === 0 ? '' : `: ${shortList(names, NAMED)}`;
}
