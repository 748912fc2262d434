#!/usr/bin/env node
import { command, defineReadTask, EXIT, flag, hint, main, OpsError, readRuns } from '@drydock/kit';

const task = defineReadTask({
  name: 'start',
  summary: 'Brings up the sandbox, takes the commit through a whole release, and stops what it started.',
  description: 'Staging, then production, with a timeline at the end. Its exit code is that of the release.',
  examples: ['npm start', 'npm start -- --keep', 'npm start -- --resume'],
  perEnvironment: false,
  endsItself: true,
  flags: {
    resume: flag.boolean({ about: 'go on with a release that was killed or interrupted' }),
    keep: flag.boolean({ about: 'leave the sandbox and the released product running, to look at' }),
    allowDirty: flag.boolean({ about: 'release the commit although the checkout has other changes' }),
  },
  async run({ config, flags, json, out }) {
    const { bringUp, ROOT, release, stopOurs } = await import('./start/release.ts');
    const { printTimeline } = await import('./start/timeline.ts');
    const began = performance.now();
    await bringUp(out);
    const sandboxMs = performance.now() - began;
    const code = await release(
      [...(flags.resume ? ['--resume'] : []), ...(flags.allowDirty ? ['--allow-dirty'] : [])],
      json ? 2 : 'inherit',
    );
    const run = readRuns(ROOT, { of: (name) => name === 'release' }).at(-1);
    if (run) printTimeline(out, run, sandboxMs);
    if (!flags.keep) await stopOurs(out);
    if (code !== 0)
      throw new OpsError({
        code: 'RELEASE_FAILED',
        message: `The release ended with exit code ${code}.`,
        hint:
          run?.status === 'open'
            ? hint`It can go on where it stopped: ${command('start', { resume: true })}`
            : undefined,
        // A release that was killed has failed; the codes are those of README.
        exit: Object.values<number>(EXIT).includes(code) ? code : EXIT.failed,
      });
    return {
      verdict: flags.keep ? 'The release is done; the product is left running.' : 'The release is done.',
      data: { run: run?.run ?? null },
      ...(flags.keep
        ? {
            next: hint`${command('env:check', { env: Object.keys(config.environments).at(-1) })}   (PUBLIC_URL; ${command('sandbox:down')} stops all)`,
          }
        : {}),
    };
  },
});

export default task;
await main(task, import.meta);
