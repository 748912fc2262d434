import { unknown } from '../../unknown.ts';
import type { Values } from '../../values.ts';
import type { Proof } from '../types.ts';
import type { RedisSession } from './session.ts';
import { type RedisLogin, type RedisPlace, shownPlace } from './url.ts';

/**
 * Logs in with the old one on every node. It is dead where Redis says so itself and takes the new one in the same breath: a user that is switched
 * off, or another server, refuses both, and what does not answer says nothing.
 */
export async function proofOf(session: RedisSession, old: Values, next: Values): Promise<Proof> {
  const [was, is] = [session.urlOf(old), session.urlOf(next)];
  // The product's own address first: one that takes it is an answer, whatever the others are up to.
  const alive = await aliveAt(session, was.place, was.login);
  if (alive) return alive;
  const nodes = await session.withNodes([next, old], async (links) => links.map(({ place }) => place));
  const places = new Map([was.place, ...nodes].map((place) => [shownPlace(place), place]));
  const said: string[] = [];
  for (const [label, place] of places) {
    const found = await aliveAt(session, place, was.login);
    if (found) return found;
    if (!(await session.tries(place, is.login)))
      throw unknown(`Whether the old password of ${was.login.user} is dead`, `${label} refuses the new one as well`);
    said.push(`login as ${was.login.user} at ${label}: ${was.login.password ? 'WRONGPASS' : 'NOAUTH'}`);
  }
  return { verdict: 'dead', says: said.join('; ') };
}

async function aliveAt(session: RedisSession, place: RedisPlace, login: RedisLogin): Promise<Proof | undefined> {
  if (!(await session.tries(place, login))) return undefined;
  return { verdict: 'alive', says: `login as ${login.user} at ${shownPlace(place)}: taken` };
}
