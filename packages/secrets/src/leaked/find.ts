import type { Generation } from '../record/types.ts';
import { fingerprintOf, type Known, type KnownOf } from './known.ts';
import { meantBy, partsOf } from './parts.ts';

/** What has leaked, told without the value. */
export type Match = {
  env: string;
  variable: string;
  /** `the value`, `the password in it`, `one key of it` */
  part: string;
  state: Generation['state'];
  /** As the record counts them; null where it does not know the value. */
  generation: number | null;
  where: string;
  /** Under rotation by these names. */
  secrets: string[];
};

/** Found inside of a longer text, a shorter one may be there by chance. */
const SHORTEST_INSIDE = 12;

/** Which secrets a text is, is a part of, or holds. */
export function findLeaked(text: string, { known, generations, rotated }: KnownOf): Match[] {
  const meant = new Set(meantBy(text));
  const fingerprints = new Set([...meant].map(fingerprintOf));
  const matches = new Map<string, Match>();
  const add = (found: Omit<Match, 'secrets'>) => {
    const secrets = [...rotated].flatMap(([name, variables]) => (variables.includes(found.variable) ? [name] : []));
    const match = { ...found, secrets };
    const key = `${match.env} ${match.variable} ${match.state} ${match.generation}`;
    if (!matches.has(key)) matches.set(key, match);
  };
  for (const one of known) {
    const part = partIn(text, meant, one);
    if (part === undefined) continue;
    const generation = generations.find(({ fingerprints: of }) => of[one.variable] === fingerprintOf(one.value));
    add({
      env: one.env,
      variable: one.variable,
      part,
      state: generation?.state ?? (one.current ? 'current' : 'previous'),
      generation: generation?.generation ?? null,
      where: one.where,
    });
  }
  // Of what nobody has any more the record still has the fingerprint.
  for (const { env, fingerprints: of, state, generation } of generations)
    for (const [variable, fingerprint] of Object.entries(of))
      if (fingerprint !== null && fingerprints.has(fingerprint))
        add({ env, variable, part: 'the value', state, generation, where: 'the record' });
  return withoutEarlier([...matches.values()]);
}

function partIn(text: string, meant: ReadonlySet<string>, { value }: Known): string | undefined {
  const parts = [...partsOf(value)];
  const whole = parts.find(([part]) => meant.has(part));
  if (whole) return whole[1];
  return parts.find(([part]) => part.length >= SHORTEST_INSIDE && text.includes(part))?.[1];
}

/** A value that is in use was there before as well. */
function withoutEarlier(matches: Match[]): Match[] {
  const isCurrent = ({ env, variable }: Match) =>
    matches.some((one) => one.env === env && one.variable === variable && one.state === 'current');
  return matches.filter((one) => one.generation !== null || one.state !== 'previous' || !isCurrent(one));
}
