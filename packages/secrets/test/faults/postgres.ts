import { as, PASSWORDS, startWorld } from '../postgres/world.ts';
import type { Subject } from './team.ts';

/** Two logins of one role, and a role that may rotate them. */
export async function postgresSubject(): Promise<Subject> {
  const world = await startWorld();
  const letIn = (url = '') =>
    world.query('SELECT n FROM things', url).then(
      (rows) => rows.length > 0,
      (error: Error & { code?: string; cause?: { code?: string } }) => {
        // A server that is busy starting a session says nothing of the login.
        if (['28P01', '28000', '42501'].includes(error.cause?.code ?? error.code ?? '')) return false;
        throw error;
      },
    );
  return {
    secret: { kind: 'postgres', variable: 'DATABASE_URL', rotator: 'ROTATOR_URL' },
    databaseUrl: world.url,
    env: {
      DATABASE_URL: as(world, 'app_a', PASSWORDS.app_a),
      ROTATOR_URL: as(world, 'rotator', PASSWORDS.rotator),
    },
    variables: ['DATABASE_URL'],
    works: ({ DATABASE_URL }) => letIn(DATABASE_URL),
    async live(now, before) {
      const logins = await world.query<{ login: string; can: boolean; has: boolean; more: number }>(
        `SELECT rolname::text AS login, rolcanlogin AS can, rolpassword IS NOT NULL AS has,
                (SELECT count(*)::int FROM pg_auth_members WHERE member = r.oid) AS more FROM pg_authid r WHERE rolname ~ '^app' ORDER BY rolcanlogin, rolname`,
      );
      const used = new URL(now.DATABASE_URL ?? '').username;
      return {
        logins: logins.map(({ login, ...is }) => ({
          ...is,
          login: login === used ? 'in use' : login === 'app' ? 'owner' : 'the other',
        })),
        now: await letIn(now.DATABASE_URL),
        before: await letIn(before.DATABASE_URL),
      };
    },
    stop: () => world.stop(),
  };
}
