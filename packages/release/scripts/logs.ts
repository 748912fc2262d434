#!/usr/bin/env node
import { defineReadTask, flag, main, OpsError } from '@drydock/kit';
import { driverOf } from '../src/driver/driver.ts';
import { SLOTS } from '../src/driver/types.ts';

const task = defineReadTask({
  name: 'release:logs',
  summary: 'Shows what the version that is live writes, or the one beside it.',
  description: 'Each line after the name of its instance. What is known as a secret is masked.',
  examples: [
    'npm run release:logs -- --env production --lines 200',
    'npm run release:logs -- --env staging --slot green --follow',
  ],
  untilStopped: true,
  flags: {
    slot: flag.choice([...SLOTS], { about: 'the version in this slot (default: the one that is live)' }),
    lines: flag.integer({ about: 'how many of each instance (default 100)', min: 1, max: 100_000 }),
    follow: flag.boolean({ about: 'go on with what comes, until Ctrl-C' }),
  },
  async run({ config, environment, env, flags, out, signal }) {
    const driver = driverOf(config, environment);
    const { live, idle } = await driver.inspect();
    const deployment = flags.slot ? [live, idle].find((each) => each?.slot === flags.slot) : live;
    if (!deployment)
      throw new OpsError({
        code: 'NO_VERSION',
        message: flags.slot ? `There is no version in slot ${flags.slot} of ${env}.` : `Nothing is live on ${env}.`,
        hint: flags.slot ? undefined : 'Say which slot: --slot green',
      });
    let shown = 0;
    for await (const line of driver.logs(deployment, { lines: flags.lines ?? 100, follow: flags.follow, signal })) {
      out.line(line);
      shown += 1;
    }
    return {
      verdict: `${shown} ${shown === 1 ? 'line' : 'lines'} of version ${deployment.version}, ${driver.placeOf(deployment)}.`,
      data: { ...deployment, lines: shown },
    };
  },
});

export default task;
await main(task, import.meta);
