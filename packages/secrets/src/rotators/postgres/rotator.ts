import { setTimeout as sleep } from 'node:timers/promises';
import { audienceOf, exec, ownBackends, type Secret, withRole } from '@drydock/kit';
import type { Client } from 'pg';
import { randomSecret } from '../../random.ts';
import { unknown } from '../../unknown.ts';
import type { Values } from '../../values.ts';
import type { OpenRotator } from '../types.ts';
import { adoption, refuse } from './before.ts';
import type { PostgresSecret } from './config.ts';
import { loginInUse, newLoginRefused } from './errors.ts';
import { tryLogin } from './login.ts';
import { type Pair, passwordIn, urlIn } from './pair.ts';
import { proveDead } from './proof.ts';
import { Reach } from './reach.ts';
import { changeRoles, closeStatement, openStatement, twinStatements } from './roles.ts';
import { iterationsOf, scramVerifier } from './scram.ts';
import { endSessions, preparedBy, sessionsOf, stragglersOf } from './sessions.ts';
import { isPooled, readSession, tryNew } from './tried.ts';

/** In an emergency those who use the old login are gone by then. */
const DRAIN_WITHIN_MS = 2_000;
/** Somebody who was let in while the role was being closed is seen by then. */
const SETTLED_MS = 200;
/** What still works with a login that is taken back has ended by then, as it was started again. */
const WITHDRAW_WITHIN_MS = 5_000;
const LOOK_MS = 250;

/**
 * Two login roles that work as one owner role, used in turn: the other one gets a new password, the product moves to it, and the old one is closed when
 * nobody uses it any more. The server never hears a password: verifiers are computed here.
 */
export const postgresRotator: OpenRotator<PostgresSecret> = (ctx) => {
  const { config, environment, secret, rotation, signal, onLine } = ctx;
  const reach = new Reach(ctx);
  const { variables, applicationName } = reach;
  const audience = audienceOf(config);

  const verifierFor = async (client: Client, login: string, url: Secret) =>
    scramVerifier(login, passwordIn(url, secret.variable), await iterationsOf(client));

  /** Closed although it is in use: opened again with the password that it had. */
  const open = async (client: Client, { login }: Pair, old: Values) => {
    await changeRoles(client, [
      openStatement(client, login, await verifierFor(client, login, urlIn(old, secret.variable))),
    ]);
  };

  const refuseStragglers = async (client: Client, pair: Pair, old: Values) => {
    const isOpen = (await reach.rolesOf(client, pair)).get(pair.login)?.canLogin === true;
    // A transaction that is prepared from now on is the new one's.
    const found = isOpen ? await stragglersOf(client, pair) : await sessionsOf(client, pair.login);
    if (found.length === 0) return;
    if (!isOpen) await open(client, pair, old);
    throw loginInUse('STRAGGLERS', pair.login, found, 'It stays open.');
  };

  /** Nothing old is closed before the new one is let in, by every address. */
  const refuseUntried = async (next: Values, { other }: Pair) => {
    for (const variable of variables) {
      const { verdict, says } = await tryLogin(urlIn(next, variable), applicationName);
      if (verdict === 'refused') throw newLoginRefused(variable, other, says, false);
      if (verdict === 'unknown') throw unknown(`Whether ${other} gets in by ${variable}`, says);
    }
  };

  const tellPooler = async (client: Client, { other }: Pair, next: Values) => {
    if (!secret.pooler) return;
    const [program = '', ...args] = secret.pooler;
    const verifier = await verifierFor(client, other, urlIn(next, secret.variable));
    const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`;
    const input = `${quoted(other)} ${quoted(verifier.reveal())}\n`;
    await exec(program, args, { cwd: config.root, env: environment.forChild('operator'), input, signal, onLine });
  };

  return {
    variables,
    productVariables: variables.filter((variable) => audience(variable) !== 'operator'),

    async procedure() {
      const pooled =
        environment.has(secret.variable) && (await isPooled(environment.secret(secret.variable), applicationName));
      return {
        overlap: 'both',
        outageSeconds: 0,
        redeploys: variables.some((variable) => audience(variable) !== 'operator'),
        settleSeconds: 0,
        says: [
          'the other login of the pair gets a new password; the server is sent a verifier of it, never the password',
          'it is tried through the address of the URL: it works as the owner role, and may all that the old one may',
          ...(pooled
            ? [
                secret.pooler
                  ? `${secret.variable} leads to a pooler: ${secret.pooler.join(' ')} tells it of the new login`
                  : `${secret.variable} leads to a pooler: one with a file of users (auth_file) has to be told of the new login, or it is refused`,
              ]
            : []),
          'sessions and prepared transactions of the old one block its end; then NOLOGIN, PASSWORD NULL',
          'in an emergency its sessions are ended',
        ],
      };
    },

    refuse: (old) => refuse(reach, ctx, old),

    async make(old) {
      const { other } = reach.pair(old);
      const password = randomSecret(`password of ${other}`).reveal();
      return Object.fromEntries(
        variables.map((variable) => [variable, withRole(urlIn(old, variable), other, password)]),
      );
    },

    async add(old, next) {
      const pair = reach.pair(old);
      await reach.asRotator([old], async (client) => {
        const twin = twinStatements(client, await reach.rolesOf(client, pair), pair, pair.other, pair.login);
        const verifier = await verifierFor(client, pair.other, urlIn(next, secret.variable));
        await changeRoles(client, [...twin, openStatement(client, pair.other, verifier)]);
        await tellPooler(client, pair, next);
      });
    },

    staged: () => ({}),

    async validate(old, next) {
      const pair = reach.pair(old);
      const server = await reach.asRotator([next, old], readSession);
      const tried: string[] = [];
      for (const variable of variables) {
        const urls = { old: urlIn(old, variable), next: urlIn(next, variable) };
        tried.push(await tryNew(variable, { ...urls, pair, server, applicationName }));
      }
      return tried.join('; ');
    },

    promoted: (_, next) => next,

    async stragglers(old, next) {
      const pair = reach.pair(old);
      return reach.asRotator([next, old], (client) => stragglersOf(client, pair));
    },

    async retire(old, next) {
      const pair = reach.pair(old);
      await refuseUntried(next, pair);
      await reach.asRotator([next, old], async (client) => {
        if (!rotation.emergency) await refuseStragglers(client, pair, old);
        await changeRoles(client, [closeStatement(pair.login)]);
        if (!rotation.emergency) {
          await sleep(SETTLED_MS);
          await refuseStragglers(client, pair, old);
          return;
        }
        if ((await endSessions(client, pair.login, DRAIN_WITHIN_MS)) > 0) {
          const left = await sessionsOf(client, pair.login);
          throw loginInUse('STRAGGLERS', pair.login, left, 'It is closed, and these did not end.');
        }
        for (const { pid, state } of await preparedBy(client, pair)) onLine(`Left, for you to end: ${state} (${pid}).`);
      });
    },

    retired: () => ({}),

    proof: (old, next) => proveDead(reach, old, next),

    async withdraw(old, next) {
      // What was never made was never added either.
      if (!next[secret.variable]) return;
      const pair = reach.pair(old);
      const { other, owner } = pair;
      await reach.asRotator([old, next], async (client) => {
        if (!(await reach.rolesOf(client, pair)).has(other)) return;
        const using = async () => {
          const own = new Set(ownBackends().map(String));
          const found = await sessionsOf(client, other);
          return found.filter(({ pid }) => !own.has(pid));
        };
        for (const until = Date.now() + WITHDRAW_WITHIN_MS; !rotation.emergency; await sleep(LOOK_MS)) {
          const found = await using();
          if (found.length === 0) break;
          if (Date.now() > until)
            throw loginInUse(
              'NEW_LOGIN_IN_USE',
              other,
              found,
              `It stays open; so does that of before, in the name of ${owner}.`,
            );
        }
        await changeRoles(client, [closeStatement(other)]);
        if (rotation.emergency) await endSessions(client, other, DRAIN_WITHIN_MS);
      });
    },

    adoption: (old) => adoption(reach, old),
  };
};
