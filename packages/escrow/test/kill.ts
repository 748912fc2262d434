import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import type { Address } from 'viem';
import { journalOf, run, startTask } from './process.ts';
import { abis, type World } from './world.ts';

/** Kills the task (SIGKILL) as soon as the condition holds. False if it ended before. */
export async function killWhen(
  root: string,
  condition: () => boolean | Promise<boolean>,
  script: string,
  ...args: string[]
): Promise<boolean> {
  const child = startTask(root, script, ...args);
  child.stdout?.resume();
  child.stderr?.resume();
  const ended = once(child, 'close');
  while (child.exitCode === null && !(await condition())) await new Promise((done) => setTimeout(done, 3));
  const killed = child.kill('SIGKILL');
  await ended;
  return killed;
}

/** Goes on with what the kill left; the run that was begun is the run that ends, and no step is done twice. */
export async function goOn(root: string, script: string, ...args: string[]): Promise<void> {
  const begun = journalOf(root).some(({ event }) => event === 'run.started');
  const { code, stdout, stderr } = await run(root, script, ...(begun ? ['--resume'] : args), '--yes');
  assert.is(code, 0, stdout + stderr);
  const done = journalOf(root).filter(({ event, step }) => event === 'step.done' && !step?.endsWith('again'));
  assert.is(new Set(done.map(({ step }) => step)).size, done.length, 'no step is done twice');
  assert.is(readdirSync(join(root, '.drydock/runs')).length, 1);
}

/** How many lines the journal of an undisturbed run has. */
export async function linesOf(root: string, script: string, ...args: string[]): Promise<number> {
  const { code, stdout, stderr } = await run(root, script, ...args);
  assert.is(code, 0, stdout + stderr);
  return journalOf(root).length;
}

async function eventsOf(world: World, address: Address, abi: typeof abis.escrow, eventName: string) {
  return world.chain.getContractEvents({ address, abi, eventName, fromBlock: 0n, strict: true });
}

/** One escrow with all its money, by one transaction, and a database that says so. */
export async function assertOneEscrow(world: World, job: string, total = 350n): Promise<void> {
  const address = world.escrowOf(job);
  const created = (await eventsOf(world, world.factory, abis.factory, 'EscrowCreated')).filter(
    ({ args }) => (args as { escrow?: string }).escrow === address,
  );
  assert.is(created.length, 1, `job ${job}: one escrow`);
  assert.is(await world.chain.getBalance({ address }), total);
  const { pending, deployed, address: known, txHash, status } = await world.job(job);
  assert.equal(
    { pending, deployed, known, txHash, status },
    { pending: false, deployed: true, known: address, txHash: created[0]?.transactionHash, status: 'FUNDED' },
  );
}

/** One refund of all that was left, flags as the runbook has them, and one event that tells it. */
export async function assertOneRefund(
  world: World,
  job: string,
  client: { address: Address; had: bigint },
  amount = 350n,
): Promise<void> {
  const address = world.escrowOf(job);
  const rolledBack = await eventsOf(world, address, abis.escrow, 'RolledBack');
  assert.is(rolledBack.length, 1, `job ${job}: one rollback`);
  assert.is((await world.chain.getBalance({ address: client.address })) - client.had, amount);
  assert.is(await world.chain.getBalance({ address }), 0n);
  const { pending, deployed } = await world.job(job);
  assert.equal({ pending, deployed }, { pending: false, deployed: false });
  const events = await world.query(
    `SELECT metadata FROM drydock."AuditEvent" WHERE event = 'escrow.rollback' AND metadata->>'job' = $1`,
    [job],
  );
  assert.is(events.length, 1, `job ${job}: one event`);
  assert.is(events[0].metadata.tx, rolledBack[0]?.transactionHash);
  assert.equal(events[0].metadata.amounts, { returned: String(amount), released: '0' });
}
