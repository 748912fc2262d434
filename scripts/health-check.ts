#!/usr/bin/env node
import { setTimeout as sleep } from 'node:timers/promises';
import type { BackupProbe } from '@drydock/health';
import { defineReadTask, flag, type Json, main } from '@drydock/kit';

const RETRY_MS = 500;

const newestBackup: BackupProbe = async (config, environment) => {
  const [{ probeBackup }, { makesBackups }] = await Promise.all([
    import('@drydock/health'),
    import('@drydock/backups'),
  ]);
  if (!makesBackups(config, environment)) return [];
  return probeBackup(config, environment, async () => {
    const { readBackupStatus } = await import('@drydock/backups');
    return readBackupStatus(config, environment, new Date());
  });
};

const task = defineReadTask({
  name: 'health:check',
  summary: 'Asks the health endpoint, the database, Redis, the chain and the last backup; exit 3 when one is not well.',
  description:
    'What is not configured is not asked. Queries are those of health.queries, read only. A late backup counts where the environment\n' +
    'is guarded, and is a word elsewhere.',
  examples: ['npm run health:check -- --env production', 'npm run health:check -- --env staging --wait 60s'],
  flags: { wait: flag.duration({ about: 'ask again until it is healthy, for this long at most' }) },
  async run({ config, environment, env, flags, out, signal }) {
    const { probeAll, tellsHealth } = await import('@drydock/health');
    const deadline = Date.now() + (flags.wait ?? 0);
    let result = await probeAll(config, environment, newestBackup);
    if (!result.healthy && flags.wait !== undefined) {
      const progress = out.progress(`waiting for ${env}`);
      while (!result.healthy && Date.now() < deadline) {
        progress.update(result.parts.find(({ ok, required }) => required && !ok)?.part ?? '');
        await sleep(RETRY_MS, undefined, { signal });
        result = await probeAll(config, environment, newestBackup);
      }
      result.healthy ? progress.done() : progress.fail();
    }
    out.table(
      ['', 'part', 'detail'],
      result.parts.map(({ ok, required, part, detail }) => [ok ? '✔' : required ? '✖' : '!', part, detail]),
    );
    const bad = result.parts.filter(({ ok, required }) => required && !ok).map(({ part }) => part);
    const asked = tellsHealth(config, environment)
      ? ''
      : `, as far as it was asked (${result.parts.map(({ part }) => part).join(', ')})`;
    return {
      verdict: result.healthy
        ? `${env} is healthy${result.version ? ` on version ${result.version}` : ''}${asked}.`
        : `${env} is not healthy${bad.length > 0 ? `: ${bad.join(', ')}` : ''}.`,
      ok: result.healthy,
      data: { version: result.version ?? null, parts: result.parts as unknown as Json },
      ...(asked
        ? {
            next: "health: { path: '/healthz', token: null }   (in drydock.config.ts: where the product itself tells how it is)",
          }
        : {}),
    };
  },
});

export default task;
await main(task, import.meta);
