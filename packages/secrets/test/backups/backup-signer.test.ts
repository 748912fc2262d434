// Uses PostgreSQL.
import { generateKeyPairSync } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { signingDoor } from '@drydock/backups';
import { Secret } from '@drydock/kit';
import { taskFile } from '@drydock/kit/cli';
import { runTaskForTest } from '@drydock/kit/testing';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { SigningDoor } from '../../src/rotators/backup-signer/signing-door.ts';
import { type Bench, held, rotate } from '../drive.ts';
import { backedUp, refusal } from './world.ts';

const test = suite('backup-signer');
const NAMES = ['BACKUP_SIGNING_KEY', 'BACKUP_SIGNER'];
let postgres: TestPostgres;
test.before(async () => {
  postgres = await startTestPostgres();
});
test.after(() => postgres.stop());

/** Backups that are signed. */
async function world({ emergency = false, signers = [{ name: 'host', variable: 'BACKUP_SIGNER' }] as object[] } = {}) {
  const { key, secret } = makePair();
  const recipient = await identityToRecipient(await generateIdentity());
  const there = await backedUp<SigningDoor>(postgres, {
    secret: { kind: 'backup-signer' },
    env: { BACKUP_RECIPIENTS: recipient, BACKUP_SIGNING_KEY: secret, BACKUP_SIGNER: key },
    backups: { retention: { days: 7 }, signers },
    emergency,
    open: async (with_) => signingDoor(with_),
    as: (open) => ({ signing: open }),
  });
  return { ...there, key, secret: new Secret(secret) };
}

/** As backup:keygen prints it. */
function makePair(): { key: string; secret: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  return {
    key: publicKey.export({ format: 'der', type: 'spki' }).toString('base64'),
    secret: privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64'),
  };
}

const believed = (bench: Bench) => bench.values.BACKUP_SIGNER?.reveal().split(',');

test('the new key signs, what the old one signed is believed as long as it is there, and then the old key is not', async () => {
  const { bench, door, key, secret, folder } = await world();
  const before = await (await door()).make(secret);
  const procedure = await (await bench.rotator()).procedure();
  assert.equal([procedure.overlap, procedure.settleSeconds, procedure.redeploys], ['both', 7 * 86_400, false]);
  const { old, next, says } = await rotate(bench, { until: 'promote' });
  assert.match(says, `and ${before} are whole and believed`);
  const fresh = (await door()).keyOf(bench.values.BACKUP_SIGNING_KEY as Secret);
  assert.is.not(fresh, key);
  assert.equal(believed(bench), [fresh, key]);
  const [newest, ...others] = await (await door()).list();
  assert.equal([newest?.signedBy, others.map(({ id, signedBy }) => [id, signedBy])], [fresh, [[before, key]]]);

  // As people verify them, one of each.
  const { default: verify } = await import(taskFile('backup:verify'));
  const asked = async (id: string) => {
    const shell = Object.fromEntries(
      Object.entries(bench.values).map(([name, value]) => [name, value?.reveal() ?? '']),
    );
    const env = Object.entries(shell).map(([name, value]) => `${name}='${value}'\n`);
    writeFileSync(join(bench.config.root, '.env.staging'), env.join(''));
    const { outcome, error } = await runTaskForTest(verify, bench.config.root, ['--env', 'staging', '--id', id]);
    assert.is(error, undefined, error?.message);
    return (outcome?.findings ?? []).filter(({ level }) => level === 'error').map(({ code }) => code);
  };
  assert.equal([await asked(before), await asked(newest?.id ?? '')], [[], []]);

  const rotator = await bench.rotator();
  const [one] = await rotator.stragglers(old, next);
  assert.equal([one?.who, one?.state], [`1 backup, the newest ${before}`, 'the old key signed it']);
  const early = await refusal(rotator.retire(old, next));
  assert.equal([early?.code, early?.exit], ['SIGNER_STILL_NEEDED', 3]);
  assert.is((await rotator.proof(old, next)).verdict, 'alive');
  // A host that goes on with the old key is found by what it makes.
  const late = await (await door()).make(secret);
  assert.match((await rotator.stragglers(old, next))[0]?.who ?? '', late);
  for (const id of [before, late]) rmSync(join(folder, id), { recursive: true });
  assert.equal(await rotator.stragglers(old, next), []);
  await rotator.retire(old, next);
  await bench.put(rotator.retired(old, next));
  assert.equal(believed(bench), [fresh]);
  const proof = await (await bench.rotator()).proof(old, next);
  assert.is(proof.verdict, 'dead');
  assert.match(proof.says, 'nothing that the old one signed is left');
  // Called again, nothing more is made.
  assert.is((await (await bench.rotator()).proof(old, next)).verdict, 'dead');
  assert.is((await (await door()).list()).length, 1);
});

test('a leaked key is believed no more at once: neither what it signed before nor what it signs from then on', async () => {
  const { bench, door, secret } = await world({ emergency: true });
  const before = await (await door()).make(secret);
  const old = held(bench, NAMES);
  const next = await (await bench.rotator()).make(old);
  const rotator = await bench.rotator();
  await bench.put({ ...rotator.promoted(old, next), ...rotator.retired(old, next) });
  await rotator.retire(old, next);
  const proof = await (await bench.rotator()).proof(old, next);
  assert.is(proof.verdict, 'dead');
  assert.match(proof.says, `${before} is not: ${before} in `);
  assert.match(proof.says, 'which backups.signers does not name');
  assert.is((await refusal((await door()).make(secret)))?.code, undefined, 'it can still sign');
  assert.match((await (await door()).verify((await (await door()).list())[0]?.id ?? '')) ?? '', 'does not name');
});

test('a key that the config names itself, one that the variable does not name, and none are refused before anything', async () => {
  const asked = async (signers: object[], change: Record<string, Secret | null> = {}) => {
    const { bench } = await world({ signers });
    await bench.put(change);
    return refusal((await bench.rotator()).refuse(held(bench, NAMES)));
  };
  const { key } = makePair();
  const read = { name: 'host', variable: 'BACKUP_SIGNER' };
  const other = await asked([read], { BACKUP_SIGNER: new Secret(key) });
  assert.equal([other?.code, other?.exit], ['SIGNER_NOT_NAMED', 2]);
  assert.is(
    (await asked([{ name: 'host', variable: 'ANOTHER' }], { ANOTHER: new Secret(key) }))?.code,
    'SIGNER_NOT_NAMED',
  );
  assert.is((await asked([read], { BACKUP_SIGNING_KEY: null }))?.code, 'SECRET_MISSING');
  assert.is((await asked([read], { BACKUP_SIGNING_KEY: new Secret('nonsense') }))?.code, 'SIGNING_KEY_MALFORMED');
  const { bench, key: own } = await world();
  const pinned = await world({ signers: [{ name: 'host', key: own }] });
  await pinned.bench.put({ ...bench.values });
  assert.is((await refusal((await pinned.bench.rotator()).refuse(held(bench, NAMES))))?.code, 'SIGNER_IN_CONFIG');
});

test('taken back, the old key signs and nobody else is believed', async () => {
  const { bench, key } = await world();
  const { old, next } = await rotate(bench, { until: 'validate' });
  assert.is(believed(bench)?.length, 2);
  await bench.put(old);
  await (await bench.rotator()).withdraw(old, next);
  assert.equal(believed(bench), [key]);
});

test.run();
