// Uses PostgreSQL.
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { backupsDoor } from '@drydock/backups';
import { type Secret, withPostgres } from '@drydock/kit';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { BackupsDoor } from '../../src/rotators/backup-identity/backups-door.ts';
import type { Values } from '../../src/values.ts';
import { type Bench, held, rotate } from '../drive.ts';
import { backedUp, refusal } from './world.ts';

const test = suite('backup-identity');
const NAMES = ['BACKUP_IDENTITY', 'BACKUP_RECIPIENTS'];
let postgres: TestPostgres;
test.before(async () => {
  postgres = await startTestPostgres();
});
test.after(() => postgres.stop());

/** A backup for its key and for a colleague's. */
async function world({ emergency = false, identity }: { emergency?: boolean; identity?: string } = {}) {
  const [own, colleagues] = [await generateIdentity(), await identityToRecipient(await generateIdentity())];
  const recipient = await identityToRecipient(own);
  const there = await backedUp<BackupsDoor>(postgres, {
    secret: { kind: 'backup-identity' },
    env: { BACKUP_IDENTITY: identity ?? own, BACKUP_RECIPIENTS: `${recipient},${colleagues}` },
    backups: { retention: { days: 7, weekly: 4 } },
    emergency,
    open: async (with_) => backupsDoor(with_),
    as: (open) => ({ backups: open }),
  });
  return { ...there, own, recipient, colleagues };
}

const phase = async (bench: Bench, old: Values, next: Values) => ({ rotator: await bench.rotator(), old, next });

test('new backups are for the new key, restored with it alone; the old key stays until no backup needs it', async () => {
  const { bench, door, own, recipient, colleagues, folder } = await world();
  const before = await (await door()).make([recipient, colleagues]);
  const procedure = await (await bench.rotator()).procedure();
  assert.equal([procedure.overlap, procedure.settleSeconds], ['both', 28 * 86_400]);
  const { old, next, says } = await rotate(bench, { until: 'promote' });
  assert.match(says, /was restored with the new key alone: 1 tables, 100 rows/);
  const fresh = next.BACKUP_IDENTITY as Secret;
  assert.is(bench.values.BACKUP_IDENTITY?.reveal(), `${fresh.reveal()},${own}`);
  assert.is(bench.values.BACKUP_RECIPIENTS?.reveal(), `${await identityToRecipient(fresh.reveal())},${colleagues}`);
  // What was made before is opened by what the environment holds, and by the new key alone not.
  assert.ok(await (await door()).opens(before, bench.values.BACKUP_IDENTITY as Secret));
  assert.not.ok(await (await door()).opens(before, fresh));
  const { rotator } = await phase(bench, old, next);
  const [one] = await rotator.stragglers(old, next);
  assert.equal([one?.who, one?.state], [`1 backup, the newest ${before}`, 'only the old key opens it']);
  const early = await refusal(rotator.retire(old, next));
  assert.equal([early?.code, early?.exit], ['IDENTITY_STILL_NEEDED', 3]);
  // Its retention is over.
  rmSync(join(folder, before), { recursive: true });
  assert.equal(await rotator.stragglers(old, next), []);
  await rotator.retire(old, next);
  await bench.put(rotator.retired(old, next));
  assert.is(bench.values.BACKUP_IDENTITY?.reveal(), fresh.reveal());
  const proof = await (await bench.rotator()).proof(old, next);
  assert.is(proof.verdict, 'dead');
  assert.match(proof.says, 'opens with the new key, and not with the old one');
  // Called again, nothing more is made.
  const made = readdirSync(folder).length;
  assert.is((await (await bench.rotator()).proof(old, next)).verdict, 'dead');
  assert.is(readdirSync(folder).length, made);
});

test('a host that goes on making backups for the old key alone is found by what it makes', async () => {
  const { bench, door, recipient } = await world();
  const { old, next } = await rotate(bench, { until: 'promote' });
  assert.equal(await (await bench.rotator()).stragglers(old, next), []);
  const late = await (await door()).make([recipient]);
  const [one] = await (await bench.rotator()).stragglers(old, next);
  assert.match(one?.who ?? '', late);
});

test('a backup that a killed run has made and not told of is not what the new key is tried on', async () => {
  const { bench, door, recipient } = await world();
  const old = held(bench, NAMES);
  const next = await (await bench.rotator()).make(old);
  const fresh = await identityToRecipient(next.BACKUP_IDENTITY?.reveal() ?? '');
  const untold = await (await door()).make([recipient, fresh]);
  const url = bench.values.OPS_DATABASE_URL as Secret;
  await withPostgres(url, 'test', (client) => client.query(`UPDATE drydock."AuditEvent" SET metadata = '{}'`));
  await bench.put((await bench.rotator()).staged(old, next));
  const says = await (await bench.rotator()).validate(old, next);
  assert.match(says, 'was restored with the new key alone');
  assert.not.match(says, untold);
  const listed = (await (await door()).list()).map(({ id, believed }) => [id === untold, believed]);
  assert.equal(listed, [
    [false, true],
    [true, false],
  ]);
});

test('a leaked key is no recipient any more, and is kept for the backups that nothing else opens', async () => {
  const { bench, door, own, recipient } = await world({ emergency: true });
  const before = await (await door()).make([recipient]);
  const says = (await (await bench.rotator()).procedure()).says.join();
  assert.match(says, 'what is in them counts as known');
  const old = held(bench, NAMES);
  const next = await (await bench.rotator()).make(old);
  const rotator = await bench.rotator();
  await bench.put({ ...rotator.promoted(old, next), ...rotator.retired(old, next) });
  await rotator.retire(old, next);
  const proof = await rotator.proof(old, next);
  assert.is(proof.verdict, 'dead');
  assert.match(proof.says, 'was restored with the new key alone');
  assert.ok(bench.values.BACKUP_IDENTITY?.reveal().endsWith(`,${own}`));
  assert.ok(await (await door()).opens(before, bench.values.BACKUP_IDENTITY as Secret));
});

test('a key for which no backup is made, and one that is none, are refused before anything', async () => {
  const asked = async (identity: string) => {
    const { bench } = await world({ identity });
    return refusal((await bench.rotator()).refuse(held(bench, NAMES)));
  };
  const strange = await asked(await generateIdentity());
  assert.equal([strange?.code, strange?.exit], ['IDENTITY_NOT_A_RECIPIENT', 4]);
  assert.is((await asked('AGE-SECRET-KEY-1QQ'))?.code, 'IDENTITY_MALFORMED');
});

test.run();
