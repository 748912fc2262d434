// Uses PostgreSQL.
import { startTestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { withPostgres } from '../../src/postgres.ts';
import { Secret } from '../../src/secret.ts';
import { ensureOwnTable } from '../../src/sql/own-table.ts';

const test = suite('own tables');

test('all who come at once find the table made, whoever makes it', async () => {
  const postgres = await startTestPostgres();
  try {
    for (let round = 0; round < 3; round++) {
      const url = new Secret(await postgres.createDatabase());
      const made = Array.from({ length: 6 }, () =>
        withPostgres(url, 'test', (client) => ensureOwnTable(client, 'one', 'n int')),
      );
      assert.equal(await Promise.allSettled(made), Array(6).fill({ status: 'fulfilled', value: undefined }));
    }
  } finally {
    await postgres.stop();
  }
});

test.run();
