import { databaseOf, withDatabase, withRole } from '@drydock/kit';
import { unknown } from '../../unknown.ts';
import type { Values } from '../../values.ts';
import type { Proof } from '../types.ts';
import { tryLogin } from './login.ts';
import { passwordIn, urlIn } from './pair.ts';
import type { Reach } from './reach.ts';
import { isPooled } from './tried.ts';

/**
 * Logs in with the old one, by every address, and where a pooler stands there by the server's own too: a pooler's word is not the server's. A refusal
 * proves something only where the new one is let in by the same address.
 */
export async function proveDead(reach: Reach, old: Values, next: Values): Promise<Proof> {
  const { applicationName } = reach;
  const { login } = reach.pair(old);
  const heard: string[] = [];
  for (const variable of reach.variables) {
    const [before, after] = [urlIn(old, variable), urlIn(next, variable)];
    const control = await tryLogin(after, applicationName);
    if (control.verdict !== 'in')
      throw unknown(`Whether ${login} is dead`, `the new one is not let in by ${variable} either (${control.says})`);
    const answer = await tryLogin(before, applicationName);
    if (answer.verdict === 'in') return { verdict: 'alive', says: `login as ${login} by ${variable}: let in` };
    const pooled = await isPooled(after, applicationName);
    if (answer.verdict === 'unknown' && !(pooled && answer.answered))
      throw unknown(`Whether ${login} is dead`, answer.says);
    heard.push(`login as ${login} by ${variable}: ${answer.says}`);
    if (!pooled) continue;
    const itself = withRole(
      withDatabase(reach.rotatorUrl(next), databaseOf(before)),
      login,
      passwordIn(before, variable).reveal(),
    );
    const direct = await tryLogin(itself, applicationName);
    if (direct.verdict === 'in') return { verdict: 'alive', says: `login as ${login} at the server itself: let in` };
    if (direct.verdict === 'unknown') throw unknown(`Whether ${login} is dead`, direct.says);
    heard.push(`login as ${login} at the server itself: ${direct.says}`);
  }
  return { verdict: 'dead', says: heard.join('; ') };
}
