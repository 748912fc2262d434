// Uses PostgreSQL, HAProxy, runit and npm: docs/ADOPTING.md, line by line, on a product that knows nothing of Drydock.
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { adopt } from './adopting/adopt.ts';
import { type Bed, linkToolkit, makeBed } from './adopting/bed.ts';

const test = suite('adopting');
let bed: Bed;
test.before(async () => {
  bed = await makeBed('notes-api');
});
test.after(() => bed.stop());

test('an API with Prisma and nothing else comes to two releases and back, as docs/ADOPTING.md says', async () => {
  const { said } = await adopt(bed, {
    lines: {
      // Packed and installed it is by another test.
      'npm --prefix': undefined,
      'npm install --save-dev': async () => {
        const { code, said: text } = await bed.type('npm ci');
        assert.is(code, 0, text);
        linkToolkit(bed.root);
      },
      'npm uninstall': undefined,
    },
    change({ root }) {
      const folder = join(root, 'prisma/migrations/20250601090000_colour');
      mkdirSync(folder);
      writeFileSync(join(folder, 'migration.sql'), 'ALTER TABLE "Note" ADD COLUMN "colour" TEXT;\n');
      const schema = join(root, 'prisma/schema.prisma');
      writeFileSync(schema, readFileSync(schema, 'utf8').replace('model Note {\n', '$&  colour String?\n'));
      appendFileSync(join(root, 'src/server.js'), '// the next version\n');
    },
  });
  assert.match(said('npx drydock db:status'), '4 migrations are pending');
  assert.match(said('DATABASE_URL='), 'Database schema is up to date');
  assert.match(said('npx drydock seed:admin'), '1 of 1 became an admin');
  assert.equal(await bed.query('staging', 'SELECT email FROM "User" WHERE "isAdmin"'), [{ email: 'ada@shop.example' }]);
  assert.match(said('npx drydock release:rollback'), 'production is back on version');
  // What the migration has made stays: the version before can live with it.
  assert.equal(
    await bed.query('production', `SELECT 1 AS one FROM information_schema.columns WHERE column_name = 'colour'`),
    [{ one: 1 }],
  );
});

test.run();
