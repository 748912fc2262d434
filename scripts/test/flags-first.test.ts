// Uses no service: there is none where these are run.
import { loadTask, readWired } from '@drydock/kit/cli';
import { makeStrangeProduct, runTaskForTest } from '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const test = suite('flags that are missing');

const LACKING: [task: string, args: string[], says: RegExp][] = [
  ['backup:hold', [], /Say which: --id/],
  ['db:restore', [], /either --to NEWDB or --in-place/],
  ['db:restore', ['--to', 'a', '--in-place'], /either --to NEWDB or --in-place/],
  ['db:restore', ['--in-place', '--table', 't'], /into another database/],
  ['db:rollback', [], /either --to NAME or --steps N/],
  ['db:resolve', [], /--applied NAME, --rolled-back NAME or --forget NAME/],
  ['escrow:retry', [], /Say which job/],
  ['escrow:rollback', [], /Say which job/],
];

test('are told before anything is asked, the lock included: the database may be away, and nobody is kept waiting', async () => {
  const root = makeStrangeProduct({}, { OPS_DATABASE_URL: 'postgresql://owner:x@127.0.0.1:1/away' });
  for (const [name, args, says] of LACKING) {
    const wired = readWired().find((one) => one.name === name);
    if (!wired) throw new Error(`${name} is no task`);
    for (const more of [[], ['--plan']]) {
      const { error } = await runTaskForTest(await loadTask(wired), root, [
        '--env',
        'staging',
        '--yes',
        ...args,
        ...more,
      ]);
      assert.equal([error?.code, error?.exit], ['USAGE', 2], `${name} ${args.join(' ')}: ${error?.message}`);
      assert.match(error?.message ?? '', says);
    }
  }
});

test.run();
