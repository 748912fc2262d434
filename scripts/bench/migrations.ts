import { join } from 'node:path';
import { requireTool } from '@drydock/kit';
import { startTestPostgres } from '@drydock/sandbox/testing';
import { foreignProject } from '../../packages/db/test/foreign.ts';
import { makeProduct } from '../../packages/db/test/product.ts';
import { writeMigration } from '../../packages/db/test/world.ts';
import { type Bench, type Command, median, medians, ratio, task, time } from './figures.ts';
import { prismaMigrate } from './stock.ts';

const COUNT = 200;
/** Pending in the second rehearsal, on a database that has the others. */
const LAST = 50;

/** A project with 200 migrations that is not ours, on a throw-away PostgreSQL. */
export const migrations: Bench = async ({ rounds, say }) => {
  const postgres = await startTestPostgres();
  try {
    const project = foreignProject(COUNT);
    const names = Object.keys(project.migrations);
    const product = makeProduct(await postgres.createDatabase('target'), project.schema, project.migrations);
    const run = (script: string, ...args: string[]): Command =>
      task(`db:${script}`, ['--env', 'staging', ...args], { cwd: product.root });
    const file = (name: string) => join(product.root, 'prisma/migrations', name, 'migration.sql');
    say(`rehearse ${COUNT} migrations`);
    const rehearsal = await median(rounds, () => run('dry-run', '--json'));
    const bare = await median(rounds, async () =>
      prismaMigrate('deploy', product.root, await postgres.createDatabase()),
    );
    const psql = await median(rounds, async () => ({
      program: requireTool('psql'),
      args: ['-X', '-q', ...names.flatMap((name) => ['-f', file(name)]), await postgres.createDatabase()],
    }));

    say('deploy them');
    const deploy = time(run('deploy', '--yes', '--json'));
    const [status, theirs] = await medians(rounds, [
      () => run('status', '--json'),
      () => prismaMigrate('status', product.root, postgres.urlOf('target')),
    ]);

    say(`rehearse the last ${LAST} on the others`);
    const first = foreignProject(COUNT - LAST);
    const half = await postgres.createDatabase('half');
    const rest = makeProduct(half, first.schema, first.migrations);
    time(task('db:deploy', ['--env', 'staging', '--yes'], { cwd: rest.root }));
    for (const name of names.slice(-LAST))
      writeMigration(join(rest.root, 'prisma'), name, project.migrations[name] ?? '');
    const late = await median(rounds, () => task('db:dry-run', ['--env', 'staging', '--json'], { cwd: rest.root }));
    const lateBare = await median(rounds, async () =>
      prismaMigrate('deploy', rest.root, await postgres.createDatabase(undefined, 'half')),
    );

    return [
      ratio(`db:status against prisma migrate status, ${COUNT} migrations`, status, theirs, 0.35),
      ratio(`db:dry-run of ${COUNT} against prisma migrate deploy of them`, rehearsal, bare, 1.5),
      ratio(`db:dry-run of ${LAST} on ${COUNT - LAST} others, the same`, late, lateBare, 1.5),
      ratio(`db:deploy of ${COUNT}, rehearsal and proof included, the same`, deploy, bare, 1.5),
      {
        ...ratio(`db:dry-run of ${COUNT} against psql, which checks nothing`, rehearsal, psql, 1),
        mustBe: '–',
        holds: true,
      },
    ];
  } finally {
    await postgres.stop();
  }
};
