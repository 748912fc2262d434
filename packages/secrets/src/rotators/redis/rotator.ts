import { audienceOf, OpsError, Secret } from '@drydock/kit';
import { randomSecret } from '../../random.ts';
import type { Values } from '../../values.ts';
import type { OpenRotator } from '../types.ts';
import { readUser } from './acl.ts';
import { redisAdoption } from './adoption.ts';
import { changeUser } from './change.ts';
import { addition, ending, withdrawal } from './changes.ts';
import type { RedisSecret } from './config.ts';
import { asStraggler, connectionsOf, endConnections, generationOf } from './connections.ts';
import { proofOf } from './proof.ts';
import { refuseRedis } from './refuse.ts';
import { sessionOf } from './session.ts';
import { othersThan } from './stragglers.ts';
import { shownPlace, withPassword } from './url.ts';

/** A user with two passwords for a while, on every node. */
export const redisRotator: OpenRotator<RedisSecret> = (ctx) => {
  const { config, secret, rotation, onLine, signal } = ctx;
  const { variable, operator } = secret;
  const session = sessionOf(ctx);
  const whose = (values: Values) => ({ user: session.urlOf(values).login.user, ours: session.name });
  const fingerprintOf = (values: Values) => values[variable]?.fingerprint() ?? '';
  const ofProduct = audienceOf(config)(variable) === 'product';
  return {
    variables: [variable],
    productVariables: ofProduct ? [variable] : [],
    async procedure() {
      return {
        overlap: 'both',
        outageSeconds: 0,
        redeploys: ofProduct,
        settleSeconds: secret.settleSeconds,
        says: [
          `gives the user in ${variable} a second password on every node, as the user in ${operator}: only its SHA-256 is sent, and kept on disk by the server`,
          `waits until no connection of that user is named after another value, then takes the old password out and ends what came in with it`,
        ],
      };
    },
    async refuse(old) {
      const url = session.urlOf(old);
      await session.withNodes([old], (nodes) => refuseRedis(ctx, session, url, nodes));
    },
    async make(old) {
      const { login } = session.urlOf(old);
      const password = randomSecret(`the new password of ${login.user}`);
      return { [variable]: new Secret(withPassword(old[variable]?.reveal() ?? '', password.reveal()), variable) };
    },
    async add(old, next) {
      const { login } = session.urlOf(next);
      await session.withNodes([next, old], (nodes) => changeUser(secret, nodes, login.user, addition(login)));
    },
    staged: () => ({}),
    async validate(old, next) {
      const { place, login } = session.urlOf(next);
      return session.withNodes([next, old], async (nodes) => {
        const places = new Map([place, ...nodes.map((node) => node.place)].map((one) => [shownPlace(one), one]));
        for (const [label, one] of places)
          if (!(await session.tries(one, login)))
            throw new OpsError({
              code: 'REDIS_NEW_REFUSED',
              message: `${label} refuses the new password of ${login.user}.`,
            });
        const rules = new Set<string>();
        for (const node of nodes) rules.add((await readUser(node, login.user))?.rules ?? 'nothing');
        if (rules.size > 1)
          throw new OpsError({
            code: 'REDIS_NODES_DIFFER',
            message: `${login.user} may not do the same on every node: ${[...rules].join(' | ')}.`,
            hint: 'Redis replicates no users: give each node the same rules (ACL LIST, ACL SETUSER, ACL SAVE).',
          });
        return `login as ${login.user} at ${[...places.keys()].join(', ')}; it may do what it might before`;
      });
    },
    promoted: (_, next) => next,
    async stragglers(old, next) {
      const others = await session.withNodes([next, old], (nodes) =>
        othersThan(fingerprintOf(next), () => connectionsOf(nodes, whose(next)), signal),
      );
      return others.flatMap(({ connection, generation }) => {
        if (generation === 'another' || secret.unnamed === 'block') return [asStraggler(connection, generation)];
        onLine(`${connection.address} has no generation in its name; what its instance was started with counts`);
        return [];
      });
    },
    async retire(old, next) {
      const { login } = session.urlOf(next);
      await session.withNodes([next, old], async (nodes) => {
        // A lost secret is ended even where that cannot be kept; a restart would bring it back, and is told.
        const options = { undo: !rotation.emergency };
        await changeUser(secret, nodes, login.user, ending(session.urlOf(old).login, login), options);
        const left = await endConnections(
          nodes,
          whose(next),
          (connection) => rotation.emergency || generationOf(connection, fingerprintOf(next)) === 'another',
        );
        for (const { address, id } of left) onLine(`${address} (client ${id}) was told to end and is still there`);
      });
    },
    retired: () => ({}),
    proof: (old, next) => proofOf(session, old, next),
    async withdraw(old, next) {
      // Nothing was made.
      if (!next[variable]) return;
      const { login } = session.urlOf(next);
      await session.withNodes([old, next], async (nodes) => {
        await changeUser(secret, nodes, login.user, withdrawal(session.urlOf(old).login, login));
        await endConnections(
          nodes,
          whose(next),
          (connection) => generationOf(connection, fingerprintOf(next)) === 'this',
        );
      });
    },
    adoption: (old) => redisAdoption(ctx, session, old),
  };
};
