#!/usr/bin/env node
import { dirname, relative } from 'node:path';
import type { EnvironmentReport } from '@drydock/health/report';
import { defineReadTask, flag, type Json, main, makeConfiguredFolder, writeDurably } from '@drydock/kit';
import { readers } from './report/readers.ts';

const DAY_MS = 86_400_000;

const task = defineReadTask({
  name: 'health:report',
  summary:
    'Writes one HTML file: the state of every environment, objectives with their budgets, charts, and what is due.',
  description:
    'Health, objectives with the error budget left, charts with deploys, rollbacks and rotations marked, pending migrations, last backup and\n' +
    'drill, escrow drift, open runs. One file without a script, that asks no network. What cannot be read is said in its place.\n' +
    'Charts come from Prometheus where PROMETHEUS_URL is set, otherwise from the samples that health:gate and health:watch keep.',
  examples: [
    'npm run health:report -- --since 24h',
    'npm run health:report -- --since 7d --env production --file week.html',
  ],
  perEnvironment: false,
  flags: {
    since: flag.duration({ about: 'how far to look back (default 24h)' }),
    env: flag.environment({ about: 'this environment alone (default: all)' }),
    file: flag.text({ value: 'FILE', about: 'where to (default .drydock/health/report.html)' }),
  },
  async run({ config, environmentOf, flags, out, signal }) {
    const { collect, renderReport } = await import('@drydock/health/report');
    const environments = flags.env ? [flags.env] : Object.keys(config.environments);
    const progress = out.progress('report');
    const report = await collect(config, {
      environments,
      environmentOf,
      sinceMs: flags.since ?? DAY_MS,
      readers,
      signal,
    });
    const file = config.path(flags.file ?? '.drydock/health/report.html');
    makeConfiguredFolder(config.root, dirname(file));
    // Where somebody asked for it, it is for others too.
    writeDurably(file, renderReport(report), flags.file ? 0o644 : 0o600);
    progress.done();
    return {
      verdict: `The report is in ${relative(process.cwd(), file) || file}.`,
      data: { file, environments: report.environments.map(summary) },
    };
  },
});

function summary({ name, absent, version, health, objectives, migrations }: EnvironmentReport): Json {
  return {
    env: name,
    absent: absent ?? null,
    version: version ?? null,
    healthy: 'value' in health ? health.value.healthy : null,
    objectives: objectives.map(({ id, state, seen, left }) => ({ id, state, seen, budgetLeft: left })),
    pendingMigrations: 'value' in migrations ? migrations.value.pending : null,
  };
}

export default task;
await main(task, import.meta);
