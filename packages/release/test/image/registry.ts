import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findTool, freePort } from '@drydock/kit';

export interface TestRegistry {
  /** Lets everybody in. */
  host: string;
  /** The same one, for `captain` with the password `ahoy` alone. */
  guarded: string;
  stop(): Promise<void>;
}

/** Debian's docker-registry, in a folder of its own. */
export async function startTestRegistry({ deletes = true } = {}): Promise<TestRegistry> {
  const program = findTool('docker-registry');
  if (!program) throw new Error('docker-registry is not installed: npm run prepare-machine');
  const folder = mkdtempSync(join(process.env.DRYDOCK_TEST_ROOT ?? tmpdir(), 'drydock-registry-'));
  const port = await freePort();
  const config = {
    version: 0.1,
    storage: { filesystem: { rootdirectory: folder }, delete: { enabled: deletes } },
    http: { addr: `127.0.0.1:${port}` },
  };
  writeFileSync(join(folder, 'config.yml'), JSON.stringify(config));
  const child = spawn(program, ['serve', join(folder, 'config.yml')], { stdio: 'ignore' });
  const host = `127.0.0.1:${port}`;
  await untilAnswers(`http://${host}/v2/`, child);
  const door = createServer((asked, answer) => {
    const expected = `Basic ${Buffer.from('captain:ahoy').toString('base64')}`;
    if (asked.headers.authorization !== expected)
      return answer.writeHead(401, { 'www-authenticate': 'Basic realm="test"' }).end();
    const { method, url, headers } = asked;
    const through = request({ host: '127.0.0.1', port, method, path: url, headers }, (got) => {
      answer.writeHead(got.statusCode ?? 500, got.headers);
      got.pipe(answer);
    });
    asked.pipe(through);
  });
  await new Promise<void>((done) => door.listen(0, '127.0.0.1', done));
  return {
    host,
    guarded: `127.0.0.1:${(door.address() as { port: number }).port}`,
    async stop() {
      door.closeAllConnections();
      door.close();
      child.kill('SIGTERM');
      if (child.exitCode === null) await once(child, 'exit');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function untilAnswers(url: string, child: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 600 && child.exitCode === null; tries++) {
    const answer = await fetch(url).catch(() => undefined);
    if (answer?.ok) return;
    await sleep(50);
  }
  throw new Error('docker-registry does not come up');
}
