import { type LoadedConfig, parseEnv, Secret } from '@drydock/kit';
import type { Team } from '../team/team.ts';
import type { Fingerprints } from '../values.ts';
import { atRestOf, textOf } from './files.ts';
import { openIfOurs } from './opened.ts';

/** What the team keeps encrypted, of all that can be opened from here; undefined where that is nothing. */
export async function printsAtRest(config: LoadedConfig, env: string, team: Team): Promise<Fingerprints | undefined> {
  const opened = await Promise.all(
    atRestOf(config, env).map(async ({ sealed, sealedName }) => {
      const text = textOf(sealed);
      return text === undefined ? undefined : openIfOurs(team, text, sealedName);
    }),
  );
  const texts = opened.filter((text) => text !== undefined);
  if (texts.length === 0) return undefined;
  const values = texts.flatMap((text) => Object.entries(parseEnv(text)));
  return Object.fromEntries(
    values.map(([name, value]) => [name, value ? new Secret(value, name).fingerprint() : null]),
  );
}
