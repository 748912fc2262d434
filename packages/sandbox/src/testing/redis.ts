import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, requireTool, stopDaemon } from '@drydock/kit';
import { bareEnvironment } from '@drydock/kit/testing';
import { redisAcl, redisArgs, speaksRedis } from '../services/redis.ts';
import { startThrowAway, testRoot } from './root.ts';

const PRODUCT = 'throw-away-redis';
const OPERATOR = 'throw-away-ops';

export interface TestRedis {
  port: number;
  /** As the product's user, `app`. */
  url: string;
  /** As the one that may change users, `ops`. */
  operatorUrl: string;
  folder: string;
  logFile: string;
  /** Lines of the ACL file, or undefined: started without one. */
  acl: string | undefined;
  /** As after a crash: killed, and started again from its files. */
  restart(): Promise<void>;
  kill(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * A real, throw-away Redis with the sandbox's users. `acl`: the text of another ACL file, null: without one. `config`: lines of a config file
 * that it is started with. `args` come last.
 */
export async function startTestRedis({
  acl = redisAcl(PRODUCT, OPERATOR),
  config,
  args = [],
}: {
  acl?: string | null;
  config?: string;
  args?: string[];
} = {}): Promise<TestRedis> {
  const root = testRoot('redis');
  const aclFile = join(root, 'users.acl');
  const configFile = join(root, 'redis.conf');
  if (acl !== null) writeFileSync(aclFile, acl);
  if (config !== undefined) writeFileSync(configFile, config);
  const command = requireTool('redis-server');
  const argsOf = (port: number) => [
    ...(config === undefined ? [] : [configFile]),
    ...redisArgs(port, root, acl === null ? undefined : aclFile),
    ...args,
  ];
  const start = (port: number) =>
    startThrowAway(
      root,
      'redis',
      async (p) => ({ command, args: argsOf(p), env: bareEnvironment(), cwd: root }),
      speaksRedis,
      port,
    );
  const kill = () => stopDaemon(root, 'redis', { graceMs: 0 });
  const { port, stop } = await start(await freePort());
  return {
    port,
    url: `redis://app:${PRODUCT}@127.0.0.1:${port}`,
    operatorUrl: `redis://ops:${OPERATOR}@127.0.0.1:${port}`,
    folder: root,
    logFile: join(root, 'redis.log'),
    acl: acl === null ? undefined : aclFile,
    stop,
    async kill() {
      await kill();
    },
    async restart() {
      await kill();
      await start(port);
    },
  };
}
