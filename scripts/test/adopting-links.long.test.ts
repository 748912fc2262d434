// Uses PostgreSQL, Redis, HAProxy, runit and npm: docs/ADOPTING.md, line by line, with the tarball, on a product that is built.
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startTestRedis, type TestRedis } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { adopt } from './adopting/adopt.ts';
import { type Bed, makeBed } from './adopting/bed.ts';

const test = suite('adopting a product that is built');
let bed: Bed;
let redis: TestRedis;
test.before(async () => {
  redis = await startTestRedis();
  bed = await makeBed('links', { REDIS_URL: redis.url });
});
test.after(async () => {
  await bed.stop();
  await redis.stop();
});

/** Its admins are ids of accounts. */
const ADMINS = `export default {
  admin: { name: 'account', example: 'ada', check: (text) => (/^[\\w@.-]+$/.test(text) ? text : undefined) },
  async admins(client, ids) {
    const { rowCount } = await client.query(
      \`INSERT INTO "Account" (id, name, role) SELECT id, id, 'ADMIN' FROM unnest($1::text[]) AS id ON CONFLICT DO NOTHING\`,
      [ids],
    );
    return { created: rowCount };
  },
};
`;

test('one with Redis, a port of its own name and a health route that says OK comes to two releases and back', async () => {
  const { said, took } = await adopt(bed, {
    files: { 'prisma/admins.mjs': ADMINS },
    change({ root }) {
      const folder = join(root, 'prisma/migrations/20250601090000_note');
      mkdirSync(folder);
      writeFileSync(join(folder, 'migration.sql'), 'ALTER TABLE "Link" ADD COLUMN "note" TEXT;\n');
      const schema = join(root, 'prisma/schema.prisma');
      writeFileSync(schema, readFileSync(schema, 'utf8').replace('model Link {\n', '$&  note String?\n'));
      appendFileSync(join(root, 'src/server.ts'), '// the next version\n');
    },
  });
  assert.match(said('npx drydock db:status'), '3 migrations are pending');
  assert.match(said('npx drydock health:check'), 'redis');
  assert.equal(await bed.query('staging', `SELECT id FROM "Account" WHERE role = 'ADMIN'`), [
    { id: 'ada@shop.example' },
  ]);
  assert.match(said('npx drydock release:rollback'), 'production is back on version');
  // The figures of docs/ADOPTING.md.
  console.table(
    took.map(({ heading, lines, ms }) => ({ section: heading, lines, seconds: Math.round(ms / 100) / 10 })),
  );
});

test.run();
