#!/usr/bin/env node
import { userInfo } from 'node:os';
import { defineReadTask, flag, main, Supervisor, slugOf } from '@drydock/kit';

const task = defineReadTask({
  name: 'release:units',
  summary: 'Prints the systemd unit that brings released versions up at boot and keeps their supervisor.',
  description:
    'Each process of a version is kept by runit: started again with back-off, and up with its supervisor. The unit keeps that supervisor,\n' +
    'of all environments that share the folder of the host. Install it once; releases go on as before.',
  examples: [
    'npm run -s release:units -- --env production | sudo tee /etc/systemd/system/drydock-shop.service',
    'sudo systemctl daemon-reload && sudo systemctl enable --now drydock-shop',
  ],
  flags: { user: flag.text({ value: 'NAME', about: 'whom versions run as (default: you)' }) },
  writesDocument: () => true,
  async run({ config, environment, env, flags }) {
    const { hostFolder } = await import('../src/host/folder.ts');
    const { releaseConfig } = await import('../src/config.ts');
    const { supervisorUnit } = await import('../src/host/units.ts');
    const { services } = hostFolder(config, releaseConfig(config), environment);
    const unit = supervisorUnit({
      product: slugOf(config.product),
      services,
      user: flags.user ?? userInfo().username,
      command: Supervisor.command(services),
    });
    return {
      verdict: `${unit.name} keeps what is released to ${env} on this host; nothing was changed.`,
      data: { name: unit.name, text: unit.text, services },
      document: unit.text,
    };
  },
});

export default task;
await main(task, import.meta);
