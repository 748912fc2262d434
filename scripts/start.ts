#!/usr/bin/env node
// npm start: the sandbox, a whole release through it, a timeline, and everything stopped again.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { createOutput, OpsError, readRuns, toOpsError } from '@drydock/kit';
import { down, status, up } from '@drydock/sandbox';
import { printTimeline } from './timeline.ts';

const ROOT = join(import.meta.dirname, '..');
/** Remembers that the sandbox is ours to stop, also for the run that resumes a killed one. */
const STARTED = join(ROOT, '.drydock', 'started-by-npm-start');
const HELP = `npm start -- [flags]

Brings up the sandbox, takes the checked-out commit through a whole release (staging, then production) and stops
what it started.

  --resume       go on with a release that was killed or interrupted
  --keep         leave the sandbox and the released product running, to look at
  --allow-dirty  release the commit although the checkout has other changes
  --help         show this help`;

const out = createOutput(process.stdout);

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      resume: { type: 'boolean' },
      keep: { type: 'boolean' },
      'allow-dirty': { type: 'boolean' },
      help: { type: 'boolean' },
    },
  });
  if (values.help) {
    out.line(HELP);
    return 0;
  }
  const began = performance.now();
  await bringUp();
  const sandboxMs = performance.now() - began;
  const code = await release([
    ...(values.resume ? ['--resume'] : []),
    ...(values['allow-dirty'] ? ['--allow-dirty'] : []),
  ]);
  const run = readRuns(ROOT).findLast(({ task }) => task === 'release');
  if (run) printTimeline(out, run, sandboxMs);
  if (run?.status === 'open') out.line('The release can go on where it stopped: npm start -- --resume');
  if (values.keep)
    out.line(
      'Left running. See npm run sandbox:status, and PUBLIC_URL in npm run env:check -- --env production; npm run sandbox:down stops it.',
    );
  else await stopOurs();
  return code;
}

async function bringUp(): Promise<void> {
  const wasUp = (await status({ root: ROOT })).every(({ state }) => state === 'up');
  const progress = out.progress('sandbox');
  if (!wasUp) {
    mkdirSync(dirname(STARTED), { recursive: true });
    writeFileSync(STARTED, '');
    try {
      await up({ root: ROOT });
    } catch (error) {
      progress.fail('sandbox');
      await stopOurs();
      throw error;
    }
  }
  progress.done(wasUp ? 'sandbox (was up already)' : 'sandbox');
}

/** In a process of its own, on this terminal: Ctrl-C reaches it, and its exit code is ours. */
async function release(flags: string[]): Promise<number> {
  const args = [
    'packages/release/scripts/release.ts',
    '--env',
    'production',
    '--yes',
    '--confirm',
    'production',
    '--reason',
    'npm start',
    ...flags,
  ];
  const child = spawn(process.execPath, args, { cwd: ROOT, stdio: 'inherit' });
  const forward = (signal: NodeJS.Signals) => void child.kill(signal);
  const ignore = () => {};
  // The terminal sends Ctrl-C to the child as well; a plain kill reaches only us.
  process.on('SIGINT', ignore).on('SIGTERM', forward);
  const code = await new Promise<number | null>((done, fail) => child.once('error', fail).once('exit', done));
  process.off('SIGINT', ignore).off('SIGTERM', forward);
  return code ?? 1;
}

async function stopOurs(): Promise<void> {
  if (!existsSync(STARTED)) return;
  const progress = out.progress('stop the sandbox');
  await down({ root: ROOT });
  rmSync(STARTED, { force: true });
  progress.done();
}

function explain(thrown: unknown): number {
  const usage = (thrown as { code?: string }).code?.startsWith('ERR_PARSE_ARGS');
  const { message, hint, exit } = usage
    ? new OpsError({ code: 'USAGE', message: (thrown as Error).message, hint: 'npm start -- --help', exit: 2 })
    : toOpsError(thrown);
  out.line(`✖ ${message}${hint ? `\n  ${hint}` : ''}`);
  return exit;
}

process.exitCode = await main().catch(explain);
