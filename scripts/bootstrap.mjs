#!/usr/bin/env node
// Sets a machine up and hands over to a task: plain JavaScript, no dependency, Node 18 or later.
//   node scripts/bootstrap.mjs [start|test] [arguments of the task]
//   node scripts/bootstrap.mjs operate        with no more than what operates on a database elsewhere
// Also where npm has not loaded it: where nothing can begin, it says so.
import './first.cjs';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { generateClient, installPackages } from './bootstrap/packages.mjs';
import { environment, ROOT, SetupError, say } from './bootstrap/setup.mjs';
import { FOR_OPERATORS, FOR_TESTS, installTools, NEEDED } from './bootstrap/tools.mjs';

const TASKS = { start: 'scripts/start.ts', test: 'scripts/check.ts' };

function main([task, ...args]) {
  if (task !== undefined && task !== 'operate' && !(task in TASKS))
    throw new SetupError(`There is no task "${task}" to set up for; use start, test or operate.`);
  installPackages();
  if (task === 'operate') return installTools(FOR_OPERATORS);
  installTools(task === 'start' ? NEEDED : [...NEEDED, ...FOR_TESTS]);
  generateClient();
  if (task) handOver(TASKS[task], args);
}

/** Ends as the task ends: same signals in, same exit code out. */
function handOver(script, args) {
  const child = spawn(pinnedNode(), ['--require', join(ROOT, 'scripts/first.cjs'), join(ROOT, script), ...args], {
    cwd: ROOT,
    stdio: 'inherit',
    env: environment(),
  });
  // The terminal sends Ctrl-C to the task as well; it decides when to end.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
    process.on(signal, () => signal !== 'SIGINT' && child.kill(signal));
  child.on('error', (error) => fail(new SetupError(`The task could not be started: ${error.message}.`)));
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? (signal === 'SIGINT' ? 130 : 143);
  });
}

/** The Node of the lockfile; where it has no build for this machine, the machine's own, if it is new enough. */
function pinnedNode() {
  const pinned = join(ROOT, 'node_modules', '.bin', 'node');
  if (existsSync(pinned)) return pinned;
  if (Number(process.versions.node.split('.')[0]) >= 24) return process.execPath;
  throw new SetupError(
    `There is no pinned Node for ${process.platform}-${process.arch}; install Node 24 and run it again.`,
  );
}

function fail(error) {
  if (!(error instanceof SetupError)) throw error;
  say(error.message);
  process.exitCode = 2;
}

try {
  main(process.argv.slice(2));
} catch (error) {
  fail(error);
}
