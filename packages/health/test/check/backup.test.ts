// Uses no service: what backups know is passed in, as scripts/health-check.ts does.
import { type Finding, loadConfig, loadEnvironment, OpsError } from '@drydock/kit';
import { makeStrangeProduct } from '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type BackupState, probeBackup } from '../../src/check/backup.ts';

const test = suite('the newest backup, as a part of a check');
const late: Finding = { level: 'error', code: 'BACKUP_OVERDUE', message: 'The newest backup is 40 hours old.' };
const drill: Finding = { level: 'error', code: 'DRILL_OVERDUE', message: 'No restore was ever tried.' };

/** Staging is not guarded, production is. */
async function probe(env: 'staging' | 'production', read: () => Promise<BackupState>) {
  const environments = { staging: {}, production: {} };
  const config = await loadConfig(undefined, makeStrangeProduct({ environments }));
  return probeBackup(config, loadEnvironment(config, env, {}), read);
}

test('one that is young enough is well, and told by the youngest of all stores', async () => {
  const read = async () => ({
    statuses: [{ ageHours: 30 }, { ageHours: 2.25 }, { ageHours: null }],
    findings: [drill],
  });
  assert.equal(await probe('production', read), {
    ...{ part: 'last backup', ok: true, required: true },
    detail: 'the newest is 2.3 h old',
  });
});

test('one that is late is a no where the environment is guarded, and a word elsewhere', async () => {
  const read = async () => ({ statuses: [{ ageHours: 40 }], findings: [late] });
  const [guarded, open] = [await probe('production', read), await probe('staging', read)];
  assert.equal([guarded.ok, guarded.required, guarded.detail], [false, true, late.message]);
  assert.equal([open.ok, open.required], [false, false]);
});

test('a store that cannot be asked is not well, and no exception', async () => {
  const read = async () => {
    throw new OpsError({ code: 'STORE_UNREACHABLE', message: 'The bucket cannot be reached.' });
  };
  assert.is((await probe('production', read)).detail, 'The bucket cannot be reached.');
});

test.run();
