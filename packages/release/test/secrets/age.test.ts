// Uses PostgreSQL: how old each secret is, told once for status, checklist and report.
import { appendAudit, loadConfig, loadEnvironment, Secret, withPostgres } from '@drydock/kit';
import { makeStrangeProduct } from '@drydock/kit/testing';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { secretAges, withSecretRecord } from '@drydock/secrets';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { secrets } from '../../src/checklist/product.ts';

const test = suite('age of secrets');
let postgres: TestPostgres;
test.before(async () => {
  postgres = await startTestPostgres();
});
test.after(() => postgres.stop());

const DAY_MS = 86_400_000;
const generic = (variable: string, everyDays = 90) => ({ kind: 'generic', variable, everyDays });
const declared = { secret: true, example: 'abc', about: 'opens something' };

async function product(checklist: object = {}) {
  const root = makeStrangeProduct(
    {
      release: { artifact: { include: ['.'] }, app: { command: ['node'] }, checklist },
      variables: { MAIL_KEY: declared, MAP_KEY: declared, BARE_KEY: declared, UNSET_KEY: declared },
      secrets: { rotate: { mail: generic('MAIL_KEY', 30), map: generic('MAP_KEY') } },
    },
    { OPS_DATABASE_URL: await postgres.createDatabase(), MAIL_KEY: 'a', MAP_KEY: 'b', BARE_KEY: 'c' },
  );
  const config = await loadConfig(undefined, root);
  const environment = loadEnvironment(config, 'staging', {});
  const rotated = async (secret: string, variables: string[], daysAgo: number) => {
    const id = `${secret}-${daysAgo}`;
    await appendAudit(environment, {
      ...{ config, task: 'secrets:rotate', actor: 'ann', reason: undefined, outcome: 'done', run: id, id },
      ...{ event: 'secret.rotated', metadata: { secret, variables } },
    });
    await sql(`UPDATE drydock."AuditEvent" SET at = $1 WHERE id = $2`, ago(daysAgo), id);
  };
  const sql = (text: string, ...values: unknown[]) =>
    withPostgres(new Secret(environment.require('OPS_DATABASE_URL')), 'test', (client) => client.query(text, values));
  /** As a rotation that has ended leaves it. */
  const recorded = async (name: string, daysAgo: number) => {
    await withSecretRecord(config, environment, async (record) => {
      const ids = { id: `r-${name}`, name, kind: 'generic', emergency: false, actor: 'ann', host: 'h', reason: null };
      const rotation = await record.begin(ids, { fingerprints: { V: 'sha256:0' }, sealed: 'x' });
      await record.keep(rotation, { fingerprints: { V: 'sha256:1' }, sealed: 'y' });
      await record.promoted(rotation, 0);
      await record.done(rotation);
    });
    await sql(
      `UPDATE drydock.secret_generation SET "currentAt" = $1 WHERE name = $2 AND state = 'current'`,
      ago(daysAgo),
      name,
    );
  };
  const box = () => secrets({ config, environment } as never);
  return { config, environment, rotated, recorded, box };
}
const ago = (days: number) => new Date(Date.now() - days * DAY_MS).toISOString();

test('by the record, else by the audit log, else nobody knows; what is declared and not rotated is told', async () => {
  const { config, environment, rotated, recorded } = await product();
  const look = async () => {
    const { secrets: all, unrotated } = await secretAges(config, environment);
    return [
      all.map(({ name, ageDays, overdue }) => [name, ageDays, overdue]),
      unrotated.map(({ variable }) => variable),
    ];
  };
  assert.equal(await look(), [
    [
      ['mail', null, false],
      ['map', null, false],
    ],
    ['BARE_KEY'],
  ]);
  await rotated('mail', ['MAIL_KEY'], 40);
  assert.equal(await look(), [
    [
      ['mail', 40, true],
      ['map', null, false],
    ],
    ['BARE_KEY'],
  ]);
  await recorded('mail', 10);
  assert.equal(await look(), [
    [
      ['mail', 10, false],
      ['map', null, false],
    ],
    ['BARE_KEY'],
  ]);
});

test('the box of the checklist: unknown, open, or ticked, by the limit of each', async () => {
  const { rotated, recorded, box } = await product();
  assert.equal(await box(), {
    state: 'unknown',
    says: 'nobody knows how old mail, map is; under no rotation: BARE_KEY',
  });
  await rotated('mail', ['MAIL_KEY'], 40);
  await recorded('map', 40);
  assert.equal(await box(), { state: 'no', says: 'overdue: mail, older than 30 days; under no rotation: BARE_KEY' });
  await recorded('mail', 3);
  assert.equal(await box(), { state: 'yes', says: '2 secrets, none overdue; under no rotation: BARE_KEY' });
});

test('what is under no rotation has the limit that the checklist gives it', async () => {
  const { rotated, recorded, box } = await product({ secretDays: 60 });
  await recorded('mail', 3);
  await recorded('map', 3);
  assert.is((await box()).state, 'unknown');
  await rotated('former', ['BARE_KEY'], 70);
  assert.match((await box()).says, 'overdue: BARE_KEY, older than 60 days');
});

test.run();
