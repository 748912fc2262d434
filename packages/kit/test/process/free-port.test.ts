// Uses the loopback interface, and what Linux says of itself.
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { freePort } from '@drydock/kit';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const test = suite('a free port');
const RANGE = '/proc/sys/net/ipv4/ip_local_port_range';

test('it can be listened on, beside those that were given before', async () => {
  const servers: Server[] = [];
  try {
    for (let count = 0; count < 5; count++) {
      const server = createServer().listen(await freePort(), '127.0.0.1');
      servers.push(server);
      await once(server, 'listening');
    }
  } finally {
    for (const server of servers) server.close();
  }
});

test('no outgoing connection is given it between the choice and the service', async () => {
  // macOS begins at 49152.
  const [first = 0] = existsSync(RANGE) ? readFileSync(RANGE, 'utf8').split(/\s+/).map(Number) : [49_152];
  for (let tries = 0; tries < 50; tries++) assert.ok((await freePort()) < first);
});

test.run();
