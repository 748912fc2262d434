// Uses HAProxy and runit: versions that nobody wants, under load. The one before serves throughout, and nothing of them is left.
import { readdirSync, readFileSync } from 'node:fs';
import { MARK } from '@drydock/kit';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { failing, progress, released } from './driver-contract.ts';
import { underLoad } from './load.ts';
import { type LocalBed, makeLocalBed } from './local-bed.ts';

const test = suite('bad versions');
let bed: LocalBed;
test.before(async () => {
  bed = await makeLocalBed({ app: { readyTimeoutMs: 3_000, drainTimeoutMs: 1_000 } });
  await released(bed.driver, await bed.artifact('good'));
});
test.after(() => bed.stop());

/** Processes that bear the mark of a service of this bed. */
function processes(): number {
  const mark = `${MARK}=${bed.proxy.supervisor.folder}`;
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return readFileSync(`/proc/${pid}/environ`, 'utf8').includes(mark);
    } catch {
      // Ended meanwhile.
      return false;
    }
  }).length;
}

const OTHER = `import { spawn } from 'node:child_process';\n`;
const SLEEPS = JSON.stringify('setInterval(() => {}, 1000)');
const BAD: Record<string, { change(source: string): string; says: RegExp }> = {
  'is never ready': {
    change: (source) => source.replace('ready ? 200 : 503', '503'),
    says: /\/readyz answered 503/,
  },
  'listens on ::1 alone': {
    change: (source) => source.replace('Number(PORT), HOST', "Number(PORT), '::1'"),
    says: /listens at \[::1\] port \d+, and not at 127\.0\.0\.1/,
  },
  'says that it is another version': {
    change: (source) => source.replace('version: APP_VERSION', "version: '0123456789ab'"),
    says: /says that it is version 0123456789ab/,
  },
  'throws at its start': {
    change: (source) => source.replace('BROKEN = false', 'BROKEN = true'),
    says: /ended with exit code 1: Error: this version is broken/,
  },
  'starts another and goes': {
    change: (source) =>
      `${OTHER}spawn(process.execPath, ['-e', ${SLEEPS}], { detached: true, stdio: 'ignore' }).unref(); process.exit(0);\n${source}`,
    says: /ended with exit code 0|does not run/,
  },
  'never ends when it is asked to, and is not ready either': {
    change: (source) =>
      `process.on('SIGTERM', () => {}); setInterval(() => {}, 1_000);\n${source.replace('server.listen', '(() => {})')}`,
    says: /nothing listens at 127\.0\.0\.1/,
  },
};

for (const [what, { change, says }] of Object.entries(BAD))
  test(`one that ${what}`, async () => {
    const { live } = await bed.driver.inspect();
    const load = await underLoad(bed.url, async () => {
      const bad = await bed.driver.stage(await bed.artifact(what, change), progress);
      const error = await failing(bed.driver.waitReady(bad, progress));
      assert.is(error.code, 'VERSION_NOT_READY');
      assert.match(error.message, says);
      await bed.driver.retire(bad);
    });
    console.log(`    one that ${what}: ${load.failed.length} of ${load.requests} requests failed`);
    assert.equal([load.failed, [...load.versions]], [[], [live?.version]]);
    assert.is(processes(), 1, 'the good one alone');
  });

test.run();
