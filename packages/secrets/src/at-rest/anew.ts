import { parseEnv } from '@drydock/kit';
import { setInEnv } from '../store/env-text.ts';
import type { Place } from '../store/place.ts';
import type { Values } from '../values.ts';
import { type AtRest, atRestOf, textOf } from './files.ts';
import { openIfOurs } from './opened.ts';
import { isAsSeen, seenOf } from './seen.ts';
import { writeSealed } from './write.ts';

type At = Pick<Place, 'config' | 'environment' | 'team'>;

/** What became of the files at rest after a rotation has written env files, by their names. */
export interface Anew {
  sealed: string[];
  /** Sealed by somebody else since, and opened by none of our keys: writing them would lose what is in them. */
  left: string[];
}

/** Where an env file is kept at rest as well, seals what these variables are now; all else that is sealed stays. Twice is once. */
export async function sealAnew(at: At, values: Values): Promise<Anew> {
  const anew: Anew = { sealed: [], left: [] };
  for (const rest of atRestOf(at.config, at.environment.name)) {
    const [here, sealed] = [textOf(rest.file), textOf(rest.sealed)];
    if (here === undefined || sealed === undefined) continue;
    const text = await sealedText(at, rest, { here, sealed, names: Object.keys(values) });
    if (text === undefined) anew.left.push(rest.sealedName);
    else if (text.now !== text.before) {
      await writeSealed(at, rest, text.now, { over: sealed, before: text.before });
      anew.sealed.push(rest.sealedName);
    }
  }
  return anew;
}

async function sealedText(
  { config, team }: At,
  rest: AtRest,
  { here, sealed, names }: { here: string; sealed: string; names: string[] },
): Promise<{ before: string | undefined; now: string } | undefined> {
  const before = await openIfOurs(team, sealed, rest.sealedName);
  if (before === undefined) {
    // Nobody has changed it since it was sealed or opened here: the env file holds all that it holds.
    return isAsSeen(seenOf(config, rest.sealedName), 'sealed', sealed) ? { before, now: here } : undefined;
  }
  const [standing, kept] = [parseEnv(here), parseEnv(before)];
  const changes = names.filter((name) => name in standing || name in kept);
  return {
    before,
    now: setInEnv(before, Object.fromEntries(changes.map((name) => [name, standing[name] ?? null])), rest.sealedName),
  };
}
