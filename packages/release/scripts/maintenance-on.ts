#!/usr/bin/env node
import { command, defineChangeTask, flag, main } from '@drydock/kit';
import { releaseConfig } from '../src/config.ts';
import { driverOf } from '../src/driver/driver.ts';
import { maintenanceStep } from '../src/maintenance.ts';

const task = defineChangeTask({
  name: 'maintenance:on',
  summary: 'Keeps people out at the proxy: 503, Retry-After and a page that says why. Health is answered.',
  description:
    'Needs neither the product nor its database. It outlives a restart of the proxy. Paths of health and readiness, and those of\n' +
    'release.maintenance.through, go through. What is being answered is answered; given again, it changes what people are told.',
  examples: [
    'npm run maintenance:on -- --env staging --text "We are moving house."',
    'npm run maintenance:on -- --env production --text "Back at 14:00 UTC." --retry-after 30m',
  ],
  flags: {
    text: flag.sentence({ about: 'what people read (default: that the product is being worked on)' }),
    retryAfter: flag.duration({ about: 'when to come again (default: release.maintenance.retryAfterSeconds)' }),
  },
  lock: 'environment',
  mendsDatabase: true,
  async plan({ config, environment, flags }) {
    const { retryAfterSeconds } = releaseConfig(config).maintenance;
    const before = (await driverOf(config, environment).maintenance()) ?? null;
    const seconds = flags.retryAfter ? Math.ceil(flags.retryAfter / 1_000) : retryAfterSeconds;
    return { before, reason: flags.text ?? 'The site is being worked on.', retryAfterSeconds: seconds };
  },
  describe: ({ before, reason, retryAfterSeconds }) => [
    `${before ? 'change the page of' : 'begin'} maintenance: "${reason}", to come again after ${retryAfterSeconds} s`,
  ],
  steps: ({ config, environment }, { reason, retryAfterSeconds, before }) => [
    maintenanceStep(driverOf(config, environment), { reason, retryAfterSeconds }, before),
  ],
  outcome: ({ env }, { reason, retryAfterSeconds }) => ({
    verdict: `${env} is in maintenance: people get 503, and may come again after ${retryAfterSeconds} s.`,
    data: { reason, retryAfterSeconds },
    next: command('maintenance:off', { env }),
  }),
});

export default task;
await main(task, import.meta);
