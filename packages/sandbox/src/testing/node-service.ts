import { bareEnvironment } from '@drydock/kit/testing';
import { accepts } from '../ports.ts';
import { nodeArgs } from '../services/node-services.ts';
import { startThrowAway, type TestService, testRoot } from './root.ts';

/** A throw-away service that is a script of ours. */
export function startNodeService(name: 's3' | 'sink'): Promise<TestService> {
  const root = testRoot(name);
  return startThrowAway(
    root,
    name,
    async (port) => ({
      command: process.execPath,
      args: nodeArgs(`serve-${name}.ts`, port, root),
      env: bareEnvironment(),
      cwd: root,
    }),
    accepts,
  );
}
