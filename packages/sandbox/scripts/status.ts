#!/usr/bin/env node
import { relative } from 'node:path';
import { command, defineReadTask, type Json, main } from '@drydock/kit';
import { status } from '../src/status.ts';

const task = defineReadTask({
  name: 'sandbox:status',
  summary: 'Shows each service of the sandbox; exit 3 if one that should run does not.',
  examples: ['npm run sandbox:status', 'npm run sandbox:status -- --json'],
  perEnvironment: false,
  async run({ config, out }) {
    const services = await status(config);
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
      ...(isDown || broken.length > 0 ? { next: command('sandbox:up') } : {}),
    };
  },
});

export default task;
await main(task, import.meta);
