#!/usr/bin/env node
import { defineReadTask, type Json, main } from '@drydock/kit';
import { artifactStore } from '../src/artifact/store.ts';
import { driverOf } from '../src/driver/driver.ts';
import { whatServes } from '../src/serving.ts';
import {
  artifactsIn,
  describeRecord,
  maintenanceOf,
  openReleases,
  readRecord,
  statusFindings,
  versionOf,
} from '../src/status.ts';

const task = defineReadTask({
  name: 'release:status',
  summary: 'Shows what is live in an environment, since when, by whom, and what a rollback goes to.',
  description:
    'What serves is asked of the proxy and of the version itself; who released it, when and over what is told by the record in the\n' +
    "environment's database, the same from every checkout. Where the two differ, and where a release did not end, that is said. It works with the\n" +
    'database away.',
  examples: ['npm run release:status -- --env production', 'npm run release:status -- --env staging --json'],
  async run(ctx) {
    const { config, environment, out } = ctx;
    const recorded = await readRecord(config, environment);
    // What the record knows is said also where the proxy cannot be asked.
    const told = (idle?: Parameters<typeof describeRecord>[1], runs = false) =>
      describeRecord(recorded, idle, runs).forEach(out.line);
    const serving = await whatServes(config, environment).catch((error) => {
      told();
      throw error;
    });
    const { live, idle, sentence } = serving;
    const driver = driverOf(config, environment);
    told(idle, idle !== undefined && (await driver.isRunning(idle)));
    const instances = live ? await driver.instances(live) : [];
    if (instances.length > 0)
      out.table(
        ['instance', 'state', 'version', 'restarts', ''],
        instances.map((one) => [one.name, stateOf(one), one.version ?? '', String(one.restarts ?? ''), one.detail]),
      );
    const maintenance = await maintenanceOf(driver);
    const { artifacts, away } = await artifactsIn(artifactStore(config, environment));
    if (artifacts.length > 0)
      out.table(
        ['artefact', 'commit', 'built', ''],
        artifacts.map(({ version, commit, builtAt }) => [version, commit.slice(0, 10), builtAt, markOf(version)]),
      );
    function markOf(version: string): string {
      if (version === versionOf(serving)) return 'live';
      return version === (recorded.before ?? idle)?.version ? 'before' : '';
    }
    return {
      verdict: sentence,
      ...(live ? {} : { mark: 'plain' as const }),
      findings: statusFindings({ serving, recorded, open: await openReleases(ctx), artifacts, away, maintenance }),
      data: {
        live: live ? { ...live, version: versionOf(serving) ?? null } : null,
        idle: idle ?? null,
        record: recorded.live ?? null,
        before: recorded.before ?? null,
        maintenance: maintenance ?? null,
        instances,
        artifacts,
      } as unknown as Json,
    };
  },
});

function stateOf({ running, ready }: { running: boolean; ready: boolean }): string {
  if (!running) return 'ended';
  return ready ? 'ready' : 'not ready';
}

export default task;
await main(task, import.meta);
