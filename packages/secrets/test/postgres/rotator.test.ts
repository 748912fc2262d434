// Uses PostgreSQL of three versions: a whole rotation of two logins, by a role that is no superuser.
import { postgresOf } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { as, open, PASSWORDS, productOf, rotate, startWorld, urlOf } from './world.ts';

const test = suite('rotation of a PostgreSQL login');
for (const major of [14, 15, 18] as const)
  test(`PostgreSQL ${major}: the other login is let in as the owner, and the old one is dead`, async () => {
    const binaries = major === 15 ? undefined : postgresOf(major);
    if (major !== 15 && !binaries) return;
    const server = await startWorld(binaries ? { binaries } : {});
    try {
      const first = as(server, 'app_a', PASSWORDS.app_a);
      const root = productOf({
        DATABASE_URL: `${first}?connect_timeout=7&options=-c%20statement_timeout%3D5s`,
        ROTATOR_URL: as(server, 'rotator', PASSWORDS.rotator),
        OPS_DATABASE_URL: server.url,
      });
      const { old, next } = await rotate(root);
      const url = urlOf(next);
      assert.match(url, `@127.0.0.1:${server.port}/shop?connect_timeout=7&options=-c%20statement_timeout%3D5s`);
      assert.equal(
        await server.query(`SELECT session_user::text AS who, current_user::text AS role, n FROM things`, url),
        [{ who: 'app_b', role: 'app', n: 7 }],
      );
      await server.query('DISCARD ALL', url);
      await server.query('CREATE TABLE made (n int)', url);
      assert.equal(await server.query(`SELECT tableowner::text AS owner FROM pg_tables WHERE tablename = 'made'`), [
        { owner: 'app' },
      ]);
      const { rotator } = await open(root, { from: old });
      const proof = await rotator.proof(old, next);
      assert.is(proof.verdict, 'dead');
      assert.match(proof.says, /login as app_a by DATABASE_URL: .*\(28P01\)/);
      assert.match(
        await rotator.validate(next, next),
        'DATABASE_URL: app_b gets in, works as app',
        'the one in use is tried by itself',
      );
      // And back: the pair is used in turn.
      const second = await rotate(root);
      assert.match(urlOf(second.next), '//app_a:');
      assert.equal(
        await server.query(
          `SELECT rolname::text AS name, rolcanlogin AS can FROM pg_roles WHERE rolname ~ '^app' ORDER BY 1`,
        ),
        [
          { name: 'app', can: false },
          { name: 'app_a', can: true },
          { name: 'app_b', can: false },
        ],
      );
    } finally {
      await server.stop();
    }
  });

test.run();
