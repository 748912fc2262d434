// Uses PostgreSQL and anvil; escrow:sweep runs as a process and is killed with SIGKILL before and after each of its steps.
import { linesToKillAt } from '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { assertOneEscrow, goOn, killWhen, linesOf } from './kill.ts';
import { journalOf } from './process.ts';
import { admin, productOf, startWorld, type World } from './world.ts';

const test = suite('kill -9 in escrow:sweep');
let world: World;
test.before(async () => {
  world = await startWorld();
});
test.after(() => world.stop());

const nonces = () => world.chain.getTransactionCount({ address: admin.address });

test('before and after each of its steps: it resumes into one escrow a job, in one nonce line', async () => {
  await Promise.all([world.addJob(), world.addJob()]);
  const lines = await linesOf(productOf(world), 'sweep', '--yes');
  let killed = 0;
  const moments = linesToKillAt(lines, 2);
  for (const at of moments) {
    const [jobs, root, before] = [[await world.addJob(), await world.addJob()], productOf(world), await nonces()];
    if (await killWhen(root, () => journalOf(root).length >= at, 'sweep', '--yes')) killed++;
    await goOn(root, 'sweep');
    for (const job of jobs) await assertOneEscrow(world, job);
    assert.is(await nonces(), before + 2, `killed at line ${at} of ${lines}`);
  }
  assert.ok(killed >= moments.length - 1, `${killed} of ${moments.length} kills came in time`);
});

test.run();
