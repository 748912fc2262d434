import { command, hint, OpsError, usageError } from '@drydock/kit';
import { isUnknown, unknown } from '../../unknown.ts';
import type { Values } from '../../values.ts';
import type { RotatorContext } from '../types.ts';
import type { RedisSecret } from './config.ts';
import { openLink, type RedisLink, RedisRefusal } from './link.ts';
import { closeAll, openNodes } from './nodes.ts';
import { refuseSentinel } from './sentinel.ts';
import { type RedisLogin, type RedisPlace, type RedisUrl, readRedisUrl } from './url.ts';

/** How one rotation reaches Redis: as the operator's user on every node, and as the product does. */
export interface RedisSession {
  /** What our connections are called, to tell them from the product's. */
  readonly name: string;
  urlOf(values: Values): RedisUrl;
  /** `work` gets a connection to each node, as the user that changes ACLs; where a user rotates itself, by the first of `values` that is taken. */
  withNodes<T>(values: readonly Values[], work: (nodes: RedisLink[]) => Promise<T>): Promise<T>;
  /** The same by URLs that are given. `whose` says in which variable they stand. */
  withNodesBy<T>(whose: string, urls: readonly RedisUrl[], work: (nodes: RedisLink[]) => Promise<T>): Promise<T>;
  /** Is this login taken? `meanwhile` runs while it is open. */
  tries(place: RedisPlace, login: RedisLogin, meanwhile?: (link: RedisLink) => Promise<void>): Promise<boolean>;
}

export function sessionOf(ctx: RotatorContext<RedisSecret>): RedisSession {
  const { config, environment, secret, rotation } = ctx;
  const { variable, operator } = secret;
  const name = `drydock:${rotation.id.replace(/[^!-~]/g, '')}`;
  const tls = Object.fromEntries(
    Object.entries(secret.tls ?? {}).flatMap(([key, file]) => (file === undefined ? [] : [[key, config.path(file)]])),
  );
  const urlOf = (values: Values): RedisUrl => {
    const url = values[variable];
    if (url) return readRedisUrl(url, variable);
    throw usageError('VARIABLE_MISSING', `${variable} is not set for ${environment.name}.`);
  };
  const operatorUrls = (values: readonly Values[]): RedisUrl[] => {
    if (operator === variable) return values.filter((one) => one[variable]).map(urlOf);
    if (environment.has(operator)) return [readRedisUrl(environment.secret(operator), operator)];
    throw usageError(
      'REDIS_NO_OPERATOR',
      `${operator} is not set for ${environment.name}: the password of a user is changed by another one, which may change ACLs.`,
      hint`Make one: ${command('secrets:adopt', {}, ctx.name)}`,
    );
  };
  const open = (place: RedisPlace) => openLink(place, { name, tls });
  const withNodesBy: RedisSession['withNodesBy'] = async (holder, urls, work) => {
    const [first] = urls;
    if (!first) throw new Error('no URL to begin with');
    const openAs = async (place: RedisPlace): Promise<RedisLink | undefined> => {
      const link = await open(place);
      try {
        await refuseSentinel(link, holder);
        for (const { login } of urls) if (await link.logIn(login)) return link;
      } catch (error) {
        link.close();
        throw error;
      }
      link.close();
      return undefined;
    };
    return explained({ variable: holder, operator }, async () => {
      const nodes = await openNodes(first.place, openAs, holder);
      try {
        if (nodes.length < (secret.nodes ?? 1))
          throw unknown(
            `Whether every node takes what is changed`,
            `${nodes.length} of ${secret.nodes} are there (${nodes.map(({ label }) => label).join(', ')})`,
          );
        return await work(nodes);
      } finally {
        closeAll(nodes);
      }
    });
  };
  return {
    name,
    urlOf,
    withNodesBy,
    withNodes: async (values, work) => withNodesBy(operator, operatorUrls(values), work),
    async tries(place, login, meanwhile) {
      return explained({ variable, operator }, async () => {
        const link = await open(place);
        try {
          await refuseSentinel(link, variable);
          const taken = await link.logIn(login);
          if (taken) await meanwhile?.(link);
          return taken;
        } finally {
          link.close();
        }
      });
    },
  };
}

/** What the operator's user needs, in Redis' words. */
export const OPERATOR_RULES = [
  '-@all',
  '+@connection',
  '+acl',
  '+client',
  '+info',
  '+config|get',
  '+config|rewrite',
  '+cluster|nodes',
] as const;

interface Names {
  /** In which the user stands who was refused. */
  variable: string;
  operator: string;
}

/** A no of Redis' that nobody waited for, in the operator's words. */
async function explained<T>({ variable, operator }: Names, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (isUnknown(error) || !(error instanceof RedisRefusal)) throw error;
    if (error.code === 'NOPERM')
      throw new OpsError({
        code: 'REDIS_NOT_PERMITTED',
        message: `The user in ${variable} may not do what is needed (${error.message}).`,
        hint: `As one who may change ACLs, make a user for operators: ACL SETUSER ops on ">a new password" ${OPERATOR_RULES.join(' ')}, then ACL SAVE or CONFIG REWRITE, and set ${operator} to it.`,
      });
    if (/unknown (sub)?command/i.test(error.message))
      throw new OpsError({
        code: 'REDIS_WITHOUT_USERS',
        message: `This Redis does not know a command that is needed (${error.message}): before version 6 it has one password, and no time in which two are valid.`,
        hint: 'Rotate it as a generic secret, with commands of your own.',
      });
    throw new OpsError({ code: 'REDIS_REFUSED', message: `Redis refused: ${error.message}.` });
  }
}
