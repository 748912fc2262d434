#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import {
  command,
  counted,
  defineReadTask,
  type Finding,
  flag,
  isMissing,
  main,
  makeFolder,
  writeDurably,
} from '@drydock/kit';
import { healthSection } from '../src/config/health.ts';
import type { RulesFile } from '../src/rules/files.ts';

const task = defineReadTask({
  name: 'health:rules',
  summary: 'Writes rules and their tests for Prometheus, routes for Alertmanager and a dashboard for Grafana.',
  description:
    'From health.objectives, health.capacity and health.rules in drydock.config.ts: the objectives that health:gate judges by. Burn-rate alerts\n' +
    'of several windows (SRE workbook, chapter 5), and the scale triggers. Asks the product for the buckets of its histogram, if it answers.\n' +
    'Writes files alone, into health.rules.folder; --check writes none, and is exit 3 where they are not what they should be.',
  examples: [
    'npm run health:rules -- --env production',
    'npm run health:rules -- --env production --check',
    'promtool test rules monitoring/production/*.test.yml',
  ],
  flags: {
    folder: flag.text({ value: 'DIR', about: 'where to (default: health.rules.folder, and the environment’s name)' }),
    check: flag.boolean({ about: 'only compare what is there' }),
  },
  async run({ config, environment, env, flags, out, signal }) {
    const { readBounds, movedBounds } = await import('../src/rules/bounds.ts');
    const { planRules } = await import('../src/rules/plan.ts');
    const { rulesFiles } = await import('../src/rules/files.ts');
    const { bounds, findings } = await readBounds(config, environment, signal);
    const plan = planRules(config, env, bounds);
    const files = rulesFiles(plan);
    const folder = config.path(flags.folder ?? join(healthSection.of(config).rules.folder, env));
    const old = files.filter((file) => readIfAny(join(folder, file.name)) !== file.text);
    if (!flags.check) write(folder, old);
    const shown = (name: string) => relative(process.cwd(), join(folder, name));
    const state = (file: RulesFile) =>
      !old.includes(file) ? 'as it should be' : flags.check ? 'not what it should be' : 'written';
    out.table(
      ['file', '', ''],
      files.map((file) => [shown(file.name), file.what, state(file)]),
    );
    const all = [...findings, ...movedBounds(plan.shares, bounds), ...indistinct(plan.labels)];
    const data = { folder, files: files.map((file) => ({ name: file.name, changed: old.includes(file) })) };
    if (!flags.check)
      return {
        verdict: `Rules of ${env} are in ${shown('')}.`,
        data,
        findings: all,
        next: `promtool test rules ${shown('*.test.yml')}`,
      };
    return {
      verdict:
        old.length === 0
          ? `Rules of ${env} are what the config says.`
          : `${counted(old.length, `file of ${env} is`, `files of ${env} are`)} not what the config says.`,
      ok: old.length === 0,
      data,
      findings: all,
      ...(old.length > 0 ? { next: command('health:rules', { env }) } : {}),
    };
  },
});

function write(folder: string, files: readonly RulesFile[]): void {
  // They are committed, and read by Prometheus.
  if (files.length > 0) makeFolder(folder, 0o755);
  for (const { name, text } of files) writeDurably(join(folder, name), text, 0o644);
}

function readIfAny(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    if (isMissing(cause)) return undefined;
    throw cause;
  }
}

function indistinct(labels: Record<string, string>): Finding[] {
  if (Object.keys(labels).length > 0) return [];
  return [
    {
      level: 'warn',
      code: 'LABELS_MISSING',
      message:
        'health.prometheus.labels is empty: a Prometheus that scrapes several products or environments would add them up.',
      hint: "Name what tells this one apart, for example: labels: { job: 'shop', env: '{env}' }",
    },
  ];
}

export default task;
await main(task, import.meta);
