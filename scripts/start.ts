#!/usr/bin/env node
import {
  acquireCheckoutLock,
  command,
  defineReadTask,
  EXIT,
  flag,
  hint,
  main,
  OpsError,
  type RunState,
  readRuns,
} from '@drydock/kit';

const task = defineReadTask({
  name: 'start',
  summary: 'Brings up the sandbox, takes the commit through a whole release, and stops what it started.',
  description:
    'Staging, then production, with a timeline at the end, and with --keep the addresses to look at. Its exit code is that of the release.',
  examples: ['npm start', 'npm start -- --keep', 'npm start -- --resume'],
  perEnvironment: false,
  endsItself: true,
  flags: {
    resume: flag.boolean({ about: 'go on with a release that was killed or interrupted' }),
    keep: flag.boolean({ about: 'leave the sandbox and the released product running, to look at' }),
    allowDirty: flag.boolean({ about: 'release the commit although the checkout has other changes' }),
  },
  async run({ config, flags, json, out, run: id }) {
    const { bringUp, ROOT, release, stopOurs } = await import('./start/release.ts');
    const { refuseUnreleasable } = await import('./start/beforehand.ts');
    const { printTimeline } = await import('./start/timeline.ts');
    const { addresses } = await import('./start/addresses.ts');
    const { handOverToPerson } = await import('@drydock/sandbox');
    if (!flags.resume) await refuseUnreleasable(config, { root: ROOT, allowDirty: flags.allowDirty === true });
    // Two of them would stop each other's sandbox.
    const lock = await acquireCheckoutLock(ROOT, { task: 'start', run: id, reason: undefined }, 'start');
    try {
      const began = performance.now();
      await bringUp({ run: id, out });
      const sandboxMs = performance.now() - began;
      const releases = () => readRuns(ROOT, { of: (name) => name === 'release' });
      const before = releases();
      const code = await release(
        [...(flags.resume ? ['--resume'] : []), ...(flags.allowDirty ? ['--allow-dirty'] : [])],
        json ? 2 : 'inherit',
      );
      const run = releases().findLast((one) => isOfNow(one, before));
      if (run) printTimeline(out, run, sandboxMs);
      if (flags.keep) handOverToPerson(ROOT);
      else await stopOurs({ run: id, out });
      if (code !== 0) throw failed(code, run);
      const last = Object.keys(config.environments).at(-1) ?? '';
      const urls = flags.keep ? await addresses() : {};
      if (flags.keep) {
        out.line('');
        out.table(['to look at', ''], Object.entries(urls));
      }
      return {
        verdict: flags.keep ? 'The release is done; the product is left running.' : 'The release is done.',
        data: { run: run?.run ?? null, urls },
        next: flags.keep
          ? hint`${command('release:status', { env: last })}   (${command('sandbox:down')} stops all)`
          : hint`${command('start', { keep: true })}   (leaves it running, to look at)`,
      };
    } finally {
      await lock.release();
    }
  },
});

/** One that was refused has no journal of its own: that of another run is not told in its place. */
function isOfNow(run: RunState, before: readonly RunState[]): boolean {
  return before.find((one) => one.run === run.run)?.lastAt !== run.lastAt;
}

function failed(code: number, run: RunState | undefined): OpsError {
  return new OpsError({
    code: 'RELEASE_FAILED',
    message: `The release ended with exit code ${code}.`,
    hint:
      run?.status === 'open' ? hint`It can go on where it stopped: ${command('start', { resume: true })}` : undefined,
    // A release that was killed has failed; the codes are those of README.
    exit: Object.values<number>(EXIT).includes(code) ? code : EXIT.failed,
  });
}

export default task;
await main(task, import.meta);
