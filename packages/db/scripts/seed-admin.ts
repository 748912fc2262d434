#!/usr/bin/env node
import {
  counted,
  defineChangeTask,
  defineStep,
  environmentSettings,
  flag,
  main,
  operatorUrl,
  usageError,
  withPostgres,
} from '@drydock/kit';
import { migrationsSection } from '../src/config.ts';
import { loadSeedModule, type Seeded, type SeedModule } from '../src/seed/module.ts';
import { checkedWallets } from '../src/seed/wallets.ts';

const task = defineChangeTask({
  name: 'seed:admin',
  summary: 'Makes the initial admin wallets, and demo data if asked; a second run changes nothing.',
  description:
    'For development and staging. In production it wants --allow-production and a wallet on the allowlist of the config.\nWhat an admin is, the product says: database.seed.module.',
  examples: ['npm run seed:admin -- --wallet 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --demo'],
  flags: {
    wallet: flag.texts({ value: 'ADDRESS', about: 'becomes an admin' }),
    demo: flag.boolean({ about: 'also put demo data in' }),
    allowProduction: flag.boolean({ about: 'allow it in production, for wallets on the allowlist' }),
  },
  lock: 'environment',
  async plan({ config, env, flags }) {
    const { seed } = migrationsSection.of(config);
    if (!seed)
      throw usageError(
        'SEED_NOT_CONFIGURED',
        `${config.file} has no database.seed section.`,
        'Point database.seed.module to a module that exports "admins".',
      );
    const wallets = await checkedWallets({
      env,
      servesCustomers: environmentSettings(config, env).serves === 'customers',
      wallets: flags.wallet,
      demo: flags.demo,
      allowProduction: flags.allowProduction,
      allowlist: seed.productionAllowlist,
    });
    const module = config.path(seed.module);
    await loadSeedModule(module);
    return { module, wallets, demo: flags.demo };
  },
  describe: ({ wallets, demo }) => [...wallets.map((wallet) => `admin ${wallet}`), ...(demo ? ['demo data'] : [])],
  steps(ctx, { module, wallets, demo }) {
    const inTransaction = async (
      work: (seed: SeedModule, client: Parameters<SeedModule['admins']>[0]) => Promise<Seeded>,
    ): Promise<Seeded> => {
      return withPostgres(operatorUrl(ctx.config, ctx.environment), 'drydock seed:admin', async (client) => {
        await client.query('BEGIN');
        const seeded = await work(await loadSeedModule(module), client);
        await client.query('COMMIT');
        return seeded;
      });
    };
    const admins = defineStep<Seeded>({
      name: 'admins',
      async run({ audit }) {
        const seeded =
          wallets.length > 0 ? await inTransaction((seed, client) => seed.admins(client, wallets)) : { created: 0 };
        if (seeded.created > 0) await audit('seed.admin', { wallets, created: seeded.created });
        return seeded;
      },
    });
    const rows = defineStep<Seeded>({
      name: 'demo data',
      run: () => inTransaction(async (seed, client) => (await seed.demo?.(client)) ?? { created: 0 }),
    });
    return { nodes: demo ? [admins, rows] : [admins], admins, rows };
  },
  outcome({ env }, { wallets, demo }, results, steps) {
    const admins = results.of(steps.admins).created;
    const rows = demo ? results.of(steps.rows).created : 0;
    const changed = [
      ...(admins > 0
        ? [`${admins} of ${counted(wallets.length, 'wallet')} became ${admins === 1 ? 'an admin' : 'admins'}`]
        : []),
      ...(rows > 0 ? [`${counted(rows, 'row of demo data was', 'rows of demo data were')} made`] : []),
    ];
    return {
      verdict:
        changed.length > 0
          ? `On ${env}, ${changed.join(' and ')}.`
          : `Everything was there already on ${env}; nothing was changed.`,
      data: { admins, demo: rows },
    };
  },
});

export default task;
await main(task, import.meta);
