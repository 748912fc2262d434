#!/usr/bin/env node
import { command, defineChangeTask, defineStep, flag, type Json, main } from '@drydock/kit';
import { driverOf } from '../src/driver/driver.ts';
import type { Deployment } from '../src/driver/types.ts';
import { withRecord } from '../src/record/record.ts';
import { wentBackUnwritten } from '../src/record/unwritten.ts';

type Plan = {
  old: Deployment | null;
  bakeUntil: string | null;
  /** Went back, and the record does not tell. */
  unwritten: { run: string; version: string } | null;
};

const task = defineChangeTask({
  name: 'release:settle',
  summary: 'Ends the version before, once it was kept warm for as long as the config wants.',
  description:
    'A release of an environment that serves customers leaves the version before running (release.bakeSeconds): until this task ends it,\n' +
    'going back is a switch. Safe to run every few minutes: before the time has come, and after, it changes nothing. Where a release went back and\n' +
    'its database was away, so that the record has it as live, it writes that down.',
  examples: ['npm run release:settle -- --env production --yes --confirm production --reason nightly'],
  flags: { now: flag.boolean({ about: 'do not wait until the time has come' }) },
  lock: 'environment',
  async plan({ config, environment, flags }): Promise<Plan> {
    const { idle, live: serving } = await driverOf(config, environment).inspect();
    const { live, unwritten } = await withRecord(config, environment, async (record) => {
      const behind = await wentBackUnwritten(record, serving?.version);
      return { live: behind ? await record.before() : await record.live(), unwritten: behind };
    });
    const bakeUntil = live?.bakeUntil ?? null;
    // Without a time the release that is live has not come to its end: what is idle may be what it goes back to.
    const due = flags.now === true || (bakeUntil !== null && Date.parse(bakeUntil) <= Date.now());
    const runs = idle && (await driverOf(config, environment).isRunning(idle));
    return {
      old: runs && due ? idle : null,
      bakeUntil: due ? null : bakeUntil,
      unwritten: unwritten ? { run: unwritten.run, version: unwritten.version } : null,
    };
  },
  describe: ({ old, unwritten }) => [
    ...(unwritten ? [`write down that version ${unwritten.version} went back (run ${unwritten.run})`] : []),
    ...(old ? [`end version ${old.version}, which gets no traffic`] : []),
  ],
  steps: ({ config, environment }, { old, unwritten }) => [
    ...(unwritten
      ? [
          defineStep({
            name: 'write down that it went back',
            async run() {
              await withRecord(config, environment, (record) => record.wentBack(unwritten.run));
              return { run: unwritten.run };
            },
          }),
        ]
      : []),
    ...(old
      ? [
          defineStep({
            name: 'retire the version before',
            async run() {
              await driverOf(config, environment).retire(old);
              return { retired: old.version };
            },
          }),
        ]
      : []),
  ],
  outcome: ({ env }, { old, bakeUntil, unwritten }) => ({
    verdict: unwritten
      ? `That version ${unwritten.version} went back on ${env} is written down${old ? `, and version ${old.version} is ended` : ''}.`
      : old
        ? `Version ${old.version} is ended on ${env}.`
        : bakeUntil
          ? `Nothing to end on ${env} yet: the version before is kept warm until ${bakeUntil}.`
          : `Nothing to end on ${env}.`,
    ...(old || unwritten ? {} : { mark: 'plain' as const }),
    data: { retired: old?.version ?? null, bakeUntil, wentBack: unwritten?.version ?? null } as Json,
    next: command('release:status', { env }),
  }),
});

export default task;
await main(task, import.meta);
