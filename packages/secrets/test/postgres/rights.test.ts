// Uses PostgreSQL, and one of version 18: a rotator that is no superuser, and what it lacks.
import { LeakScan } from '@drydock/kit/testing';
import { postgresOf } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { as, open, PASSWORDS, productOf, refusal, rotate, startWorld, urlOf, verifierOf } from './world.ts';

const test = suite('rights of a PostgreSQL rotator');

for (const major of [undefined, 18] as const)
  test(`${major === undefined ? 'this PostgreSQL' : `PostgreSQL ${major}`}: what is missing is said in one sentence, and what the hint says mends it`, async () => {
    const binaries = major === 18 ? postgresOf(18) : undefined;
    if (major === 18 && !binaries) return;
    const world = await startWorld(binaries ? { binaries } : {});
    try {
      await world.query(`CREATE ROLE "narrow 1" LOGIN PASSWORD '${verifierOf('canary-narrow-1')}'`);
      const narrow = as(world, 'narrow%201', 'canary-narrow-1');
      const root = productOf({ DATABASE_URL: as(world, 'app_a', PASSWORDS.app_a), ROTATOR_URL: narrow });
      const { rotator, old } = await open(root);
      for (const work of [() => rotator.refuse(old), async () => rotator.adoption?.(old)]) {
        const error = await refusal(work());
        assert.equal([error.code, error.exit], ['ROTATOR_LACKS_RIGHTS', 4]);
        assert.match(
          error.message,
          'narrow 1 of ROTATOR_URL may not make, close and watch the logins of app; nothing was made',
        );
        assert.equal(await world.query(`SELECT FROM pg_roles WHERE rolname = 'app_b' AND rolcanlogin`), []);
      }
      const { hint } = await refusal(rotator.refuse(old));
      const [, typed = ''] = /: (.*)$/.exec(String(hint)) ?? [];
      assert.is(typed.includes('ADMIN TRUE'), !world.isBefore16);
      await world.query(typed);
      await rotate(root);
      await rotate(root);

      // The role of the operator's own login, without one beside it.
      await world.query(
        `CREATE ROLE ops LOGIN CREATEROLE PASSWORD '${verifierOf('canary-ops-1')}'; GRANT pg_signal_backend, pg_read_all_stats TO ops;
         ALTER DATABASE shop OWNER TO ops`,
      );
      const secrets = { variable: 'OPS_DATABASE_URL', rotator: undefined };
      const own = productOf({ OPS_DATABASE_URL: as(world, 'ops', 'canary-ops-1') }, secrets);
      const ours = await open(own);
      if (world.isBefore16) {
        await (await ours.rotator.adoption?.(ours.old))?.run();
        const { old: before, next } = await rotate(own);
        assert.match(urlOf(next, 'OPS_DATABASE_URL'), '//ops_a:');
        assert.is((await (await open(own)).rotator.proof(before, next)).verdict, 'dead');
      } else {
        const error = await refusal((async () => ours.rotator.adoption?.(ours.old))());
        assert.is(error.code, 'ROTATOR_IS_THE_OWNER');
      }
    } finally {
      await world.stop();
    }
  });

test('a change that the server refuses is told in its words, and neither there nor in its log is a password', async () => {
  const world = await startWorld();
  try {
    const root = productOf({
      DATABASE_URL: as(world, 'app_a', PASSWORDS.app_a),
      ROTATOR_URL: as(world, 'rotator', PASSWORDS.rotator),
    });
    const { rotator, old } = await open(root);
    await rotator.refuse(old);
    const next = await rotator.make(old);
    await world.query('ALTER ROLE rotator NOCREATEROLE');
    const error = await refusal(rotator.add(old, next));
    assert.is(error.code, 'ROLE_REFUSED');
    assert.match(error.message, `PostgreSQL refuses "ALTER ROLE "app_b" LOGIN PASSWORD '…'`);
    assert.match(error.message, 'permission denied');
    await world.query('ALTER ROLE rotator CREATEROLE');
    await rotator.add(old, next);
    await rotator.validate(old, next);
    const url = urlOf(next);
    const secrets = { next: url, old: PASSWORDS.app_a };
    const log = await world.log();
    assert.match(log, /ERROR: {2}(permission denied|must have CREATEROLE)/);
    assert.match(log, `STATEMENT:  ALTER ROLE "app_b" LOGIN PASSWORD 'SCRAM-SHA-256$`);
    const said = [error.message, String(error.hint), JSON.stringify(error), log].join('\n');
    assert.equal(new LeakScan(secrets).text('said', said).leaks, []);
    // What others do: found, were it ours.
    await world.query(`ALTER ROLE nobody PASSWORD '${new URL(url).password}'`).catch(() => {});
    assert.equal(new LeakScan(secrets).text('log', await world.log()).leaks, [{ secret: 'next', where: 'log' }]);
    const verifiers = await world.query<{ kept: string }>(
      `SELECT rolpassword AS kept FROM pg_authid WHERE rolname = 'app_b'`,
    );
    assert.match(verifiers[0]?.kept ?? '', /^SCRAM-SHA-256\$4096:/);
  } finally {
    await world.stop();
  }
});

test.run();
