import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { EnvName } from '@drydock/kit';
import { makeFolder, requireTool, writeDurably } from '@drydock/kit';
import { secretsOf } from '../state.ts';
import type { Service } from './types.ts';

/** One Redis an environment: an ACL file with a user for the product and one for its operators, the default user switched off. */
export function redis(env: EnvName): Service {
  return {
    name: `redis-${env}`,
    tools: ['redis-server'],
    graceMs: 5_000,
    async prepare({ folder, state, port }) {
      const data = join(folder, `redis-${env}`);
      makeFolder(data);
      const acl = join(data, 'users.acl');
      // Kept if it is there: a rotation may have changed it with ACL SAVE.
      const { redisPassword, redisOpsPassword } = secretsOf(state, env);
      if (!existsSync(acl)) writeDurably(acl, redisAcl(redisPassword, redisOpsPassword));
      return {
        command: requireTool('redis-server'),
        args: redisArgs(port, data, acl),
        env: { PATH: process.env.PATH },
        cwd: data,
      };
    },
    ready: ({ port }) => speaksRedis(port),
  };
}

/** The product's user changes no users, no settings and no other's connections; INFO is what clients ask when they connect. */
export const PRODUCT_RULES = ['+@all', '-@admin', '-@dangerous', '+info'];
/** The operator's changes users, and sees and ends connections; it reads no key. */
export const OPERATOR_RULES = ['-@all', '+@connection', '+acl', '+client', '+info', '+config|get', '+config|rewrite'];

export function redisAcl(product: string, operator: string): string {
  return [
    'user default off',
    `user app on #${hashOf(product)} ~* &* ${PRODUCT_RULES.join(' ')}`,
    `user ops on #${hashOf(operator)} ${OPERATOR_RULES.join(' ')}`,
    '',
  ].join('\n');
}

/** As Redis keeps a password. */
export function hashOf(password: string): string {
  return createHash('sha256').update(password).digest('hex');
}

export function redisArgs(port: number, data: string, acl: string | undefined): string[] {
  return [
    '--bind',
    '127.0.0.1',
    '--port',
    String(port),
    '--dir',
    data,
    ...(acl === undefined ? [] : ['--aclfile', acl]),
    '--appendonly',
    'yes',
    '--save',
    '',
    '--aof-load-truncated',
    'yes',
  ];
}

/** It answers, if only to say that it wants a password; while it loads its data it says so. */
export async function speaksRedis(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect({ host: '127.0.0.1', port }, () => socket.write('PING\r\n'));
    const end = (answer: boolean) => {
      socket.destroy();
      done(answer);
    };
    socket.once('data', (data) => end(/^(\+PONG|-NOAUTH)/.test(data.toString())));
    socket.once('error', () => end(false)).setTimeout(1_000, () => end(false));
  });
}
