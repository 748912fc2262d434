import { relative } from 'node:path';
import { defineChangeTask, defineReadTask, defineStep, type Json } from '@drydock/kit';
import { down, reset, whatResetDeletes } from './down.ts';
import { readState } from './state.ts';
import { status } from './status.ts';
import { up } from './up.ts';

export const upTask = defineChangeTask({
  name: 'sandbox:up',
  summary: 'Brings up the sandbox: PostgreSQL, Redis, chain, S3, Sentry and PostHog sink, and a proxy per environment.',
  description:
    'Everything listens on loopback only and lives under .drydock/. What is up stays up; what was killed is repaired.',
  perEnvironment: false,
  lock: 'checkout',
  restartable: true,
  plan: async (ctx) => ({
    stopped: (await status({ root: ctx.config.root }))
      .filter(({ state }) => state !== 'up')
      .map(({ service }) => service),
  }),
  describe: ({ stopped }) => stopped.map((service) => `start ${service}`),
  steps: (ctx) => [
    defineStep({
      name: 'bring up',
      run: async ({ out }) => (await up({ root: ctx.config.root, out })) as unknown as Json,
    }),
    defineStep({
      name: 'check',
      run: async () => {
        const silent = (await status({ root: ctx.config.root }))
          .filter(({ state }) => state !== 'up')
          .map(({ service }) => service);
        if (silent.length > 0) throw new Error(`${silent.join(', ')} did not stay up`);
        return null;
      },
    }),
  ],
  outcome: (ctx, { stopped }) => ({
    verdict: stopped.length === 0 ? 'The sandbox was up already.' : 'The sandbox is up.',
    data: { ports: readState(ctx.config.root)?.ports ?? {} },
    next: 'npm run env:check -- --env staging',
  }),
});

export const downTask = defineChangeTask({
  name: 'sandbox:down',
  summary: "Stops the sandbox and the product's instances that run in it. Data is kept.",
  perEnvironment: false,
  lock: 'checkout',
  restartable: true,
  plan: async (ctx) =>
    (await status({ root: ctx.config.root })).filter(({ state }) => state !== 'down').map(({ service }) => service),
  describe: (running) => running.map((service) => `stop ${service}`),
  steps: (ctx) => [defineStep({ name: 'stop', run: async () => down({ root: ctx.config.root }) })],
  outcome: (_, running) => ({
    verdict: running.length === 0 ? 'Nothing was running.' : 'The sandbox is down; its data is kept.',
  }),
});

export const resetTask = defineChangeTask({
  name: 'sandbox:reset',
  summary: 'Stops the sandbox and deletes all of its data.',
  perEnvironment: false,
  lock: 'checkout',
  restartable: true,
  destructive: true,
  plan: async (ctx) => whatResetDeletes(ctx.config.root),
  describe: ({ deleted, left }) => [
    'stop everything',
    ...deleted.map((path) => `delete ${path}: databases, chain, buckets and passwords of this sandbox`),
    ...left.map((path) => `leave ${path}: the sandbox did not make it`),
  ],
  steps: (ctx) => [
    defineStep({
      name: 'delete',
      run: async () => {
        await reset({ root: ctx.config.root });
        return null;
      },
    }),
  ],
  outcome: (_, { left }) => ({
    verdict: `The sandbox is gone.${left.length > 0 ? ` ${left.join(', ')} is left: the sandbox did not make it.` : ''}`,
    data: { left },
    next: 'npm run sandbox:up',
  }),
});

export const statusTask = defineReadTask({
  name: 'sandbox:status',
  summary: 'Shows each service of the sandbox; exit 3 if one that should run does not.',
  perEnvironment: false,
  async run({ config, out }) {
    const services = await status({ root: config.root });
    out.table(
      ['service', 'state', 'pid', 'port', 'log'],
      services.map(({ service, state, pid, port, log }) => [
        service,
        state,
        String(pid ?? ''),
        String(port ?? ''),
        log ? relative(config.root, log) : '',
      ]),
    );
    const isDown = services.every(({ state }) => state === 'down');
    // Down as a whole is a choice; one that is down among others that are up is not.
    const broken = isDown ? [] : services.filter(({ state }) => state !== 'up');
    return {
      verdict: isDown
        ? 'The sandbox is down.'
        : broken.length > 0
          ? `${broken.map(({ service }) => service).join(', ')} should run and does not.`
          : 'The sandbox is up.',
      ok: broken.length === 0,
      data: { services: services as unknown as Json },
      ...(isDown || broken.length > 0 ? { next: 'npm run sandbox:up' } : {}),
    };
  },
});
