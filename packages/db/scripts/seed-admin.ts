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
import { checkedAdmins } from '../src/seed/admins.ts';
import { loadSeedModule, type Seeded, type SeedModule, seededBy } from '../src/seed/module.ts';

const task = defineChangeTask({
  name: 'seed:admin',
  summary: 'Makes the first admins, and demo data if asked; a second run changes nothing.',
  description:
    'For development and staging. In production it wants --allow-production, and whom the allowlist of the config names. What an admin is,\n' +
    "the product's module says (database.seed.module): a wallet, an e-mail address, or what it calls so; left out, a wallet where there is a chain.",
  examples: [
    'npm run seed:admin -- --admin ada@shop.example',
    'npm run seed:admin -- --wallet 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --demo',
  ],
  flags: {
    admin: flag.texts({ value: 'WHO', about: 'becomes an admin: an e-mail address, a wallet, an id' }),
    wallet: flag.texts({ value: 'ADDRESS', about: 'the same, where it is a wallet' }),
    demo: flag.boolean({ about: 'also put demo data in' }),
    allowProduction: flag.boolean({ about: 'allow it in production, for those on the allowlist' }),
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
    const module = config.path(seed.module);
    const { admins, wallets } = await checkedAdmins(config, await loadSeedModule(module), {
      env,
      servesCustomers: environmentSettings(config, env).serves === 'customers',
      admins: flags.admin,
      wallets: flags.wallet,
      demo: flags.demo,
      allowProduction: flags.allowProduction,
      allowlist: seed.productionAllowlist,
    });
    return { module, who: admins, wallets, demo: flags.demo };
  },
  describe: ({ who, demo }) => [...who.map((one) => `admin ${one}`), ...(demo ? ['demo data'] : [])],
  steps(ctx, { module, who, wallets, demo }) {
    const inTransaction = async (
      what: 'admins' | 'demo',
      work: (seed: SeedModule, client: Parameters<SeedModule['admins']>[0]) => Promise<Seeded>,
    ): Promise<Seeded> => {
      return withPostgres(operatorUrl(ctx.config, ctx.environment), 'drydock seed:admin', async (client) => {
        await client.query('BEGIN');
        const seed = await loadSeedModule(module);
        const seeded = await seededBy(what, () => work(seed, client));
        await client.query('COMMIT');
        return seeded;
      });
    };
    const admins = defineStep<Seeded>({
      name: 'admins',
      async run({ audit }) {
        const seeded =
          who.length > 0 ? await inTransaction('admins', (seed, client) => seed.admins(client, who)) : { created: 0 };
        if (seeded.created > 0)
          await audit('seed.admin', { [wallets ? 'wallets' : 'admins']: who, created: seeded.created });
        return seeded;
      },
    });
    const rows = defineStep<Seeded>({
      name: 'demo data',
      run: () => inTransaction('demo', async (seed, client) => seed.demo?.(client) as Promise<Seeded>),
    });
    return { nodes: demo ? [admins, rows] : [admins], admins, rows };
  },
  outcome({ env }, { who, wallets, demo }, results, steps) {
    const admins = results.of(steps.admins).created;
    const rows = demo ? results.of(steps.rows).created : 0;
    const changed = [
      ...(admins > 0
        ? [
            `${admins} of ${wallets ? counted(who.length, 'wallet') : who.length} became ${admins === 1 ? 'an admin' : 'admins'}`,
          ]
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
