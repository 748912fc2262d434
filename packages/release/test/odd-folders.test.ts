// Uses HAProxy, in folders with names that its config, a shell or a socket would read otherwise.
import { dirname } from 'node:path';
import { startTestProxy } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Haproxy } from '../src/proxy/haproxy.ts';
import { readMaintenance, writeMaintenance } from '../src/proxy/maintenance.ts';

const test = suite('HAProxy in odd folders');
const NAMES = {
  'spaces, quotes, a hash, a percent sign, letters in two signs': `it's a "shop" #1 100%41 ${'ü'.normalize('NFD')} `,
  'what a shell or HAProxy would fill in': `$HOME \${HOME} $(id); x,y(z) [br] %[x] &|*?`,
  'a name as long as there may be': 'ü'.repeat(100),
};

for (const [what, name] of Object.entries(NAMES))
  test(`maintenance, its page, and a restart: ${what}`, async () => {
    const { url, socket, stateFile, restart, stop } = await startTestProxy({ name });
    try {
      assert.ok(dirname(stateFile).includes(name));
      const proxy = new Haproxy({ socket, stateFile, backend: 'app' });
      assert.match(await proxy.preflight(), 'backend app');
      await writeMaintenance(proxy, { reason: 'back <soon>', retryAfterSeconds: 7 });
      const shown = await fetch(url);
      assert.equal([shown.status, shown.headers.get('retry-after')], [503, '7']);
      assert.match(await shown.text(), 'back &lt;soon&gt;');
      await restart();
      assert.is((await readMaintenance(proxy))?.reason, 'back <soon>');
      assert.match(await (await fetch(url)).text(), 'back &lt;soon&gt;');
      await writeMaintenance(proxy, undefined);
      assert.match(await (await fetch(url)).text(), 'No version of the product is running here yet');
    } finally {
      await stop();
    }
  });

test.run();
