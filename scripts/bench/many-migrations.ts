import { join } from 'node:path';
import { startTestPostgres } from '@drydock/sandbox/testing';
import { foreignProject } from '../../packages/db/test/foreign.ts';
import { makeProduct } from '../../packages/db/test/product.ts';
import { writeMigration } from '../../packages/db/test/world.ts';
import { type Bench, bound, median, medians, ratio, task, time } from './figures.ts';
import { prismaMigrate } from './stock.ts';

/** As the largest public products have them. */
const MANY = 820;
const FEW = 205;
/** Pending behind all the others. */
const LAST = 20;

/** What grows with the number of migrations must not grow faster than that. */
export const manyMigrations: Bench = async ({ rounds, say }) => {
  const postgres = await startTestPostgres();
  const once = Math.min(rounds, 3);
  try {
    const product = async (count: number, name: string) => {
      const { schema, migrations } = foreignProject(count);
      const { root } = makeProduct(await postgres.createDatabase(name), schema, migrations);
      return (what: string, ...args: string[]) =>
        task(`db:${what}`, ['--env', 'staging', '--json', ...args], { cwd: root });
    };
    const [many, few] = [await product(MANY, 'many'), await product(FEW, 'few')];
    say(`rehearse ${MANY} migrations`);
    const rehearsal = await median(once, () => many('dry-run'));
    say(`deploy ${MANY}, and ${FEW}`);
    const [deploy, fewer] = [time(many('deploy', '--yes')), time(few('deploy', '--yes'))];
    say('look at them');
    const [status, verify, verifyFew] = await medians(once, [
      () => many('status'),
      () => many('verify'),
      () => few('verify'),
    ]);

    say(`rehearse the last ${LAST} on the others`);
    const first = foreignProject(MANY - LAST);
    const most = makeProduct(await postgres.createDatabase('most'), first.schema, first.migrations);
    time(task('db:deploy', ['--env', 'staging', '--yes'], { cwd: most.root }));
    for (const [name, sql] of Object.entries(foreignProject(MANY).migrations).slice(-LAST))
      writeMigration(join(most.root, 'prisma'), name, sql);
    const [late, bare] = await medians(once, [
      () => task('db:dry-run', ['--env', 'staging', '--json'], { cwd: most.root }),
      async () => prismaMigrate('deploy', most.root, await postgres.createDatabase(undefined, 'most')),
    ]);

    const linear = (what: string, of: number, ofFew: number) =>
      ratio(`${what} of ${MANY} migrations, by the migration, against ${FEW}`, of / MANY, ofFew / FEW, 1.3);
    return [
      bound(`db:dry-run of ${MANY} migrations`, rehearsal, 30_000),
      bound(`db:status of ${MANY}`, status, 1_000),
      linear('db:deploy', deploy, fewer),
      linear('db:verify', verify, verifyFew),
      ratio(`db:dry-run of ${LAST} on ${MANY - LAST} others, against prisma migrate deploy of them`, late, bare, 1.5),
    ];
  } finally {
    await postgres.stop();
  }
};
