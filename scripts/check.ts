#!/usr/bin/env node
// npm test: types, lint, dead code, arrows, then every test of the workspace in a process of its own.
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Outcome, runSuite } from './check/run-suite.ts';
import { CHECKS, findSuites, type Suite } from './check/suites.ts';

const ROOT = join(import.meta.dirname, '..');
const HELP = `npm test -- [flags] [part of a path…]

  --only-checks  types, lint, dead code and arrows alone
  --only-tests   tests alone
  --thorough     every round of the tests that kill and disturb, not a sample of them, and the long ones
  --help         show this help`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    'only-checks': { type: 'boolean' },
    'only-tests': { type: 'boolean' },
    thorough: { type: 'boolean' },
    help: { type: 'boolean' },
  },
});
if (values.help) {
  console.log(HELP);
  process.exit(0);
}
if (values.thorough) process.env.DRYDOCK_THOROUGH = '1';
const wanted = (suite: Suite) => positionals.length === 0 || positionals.some((part) => suite.name.includes(part));
const checks = values['only-tests'] || positionals.length > 0 ? [] : CHECKS;
const tests = values['only-checks']
  ? []
  : findSuites(ROOT, { long: Boolean(values.thorough) || positionals.length > 0 }).filter(wanted);
const outcomes = await runAll([...checks, ...tests]);
const total = (key: 'passed' | 'failed') => outcomes.reduce((sum, outcome) => sum + outcome[key], 0);
if (outcomes.length === 0) console.log(`No test matches ${positionals.join(', ')}.`);
for (const { suite, log } of outcomes.filter(({ failed }) => failed > 0))
  console.log(`\n── ${suite.name} ──\n${readFileSync(log, 'utf8').trim()}`);
console.log(`\n${total('passed')} passed, ${total('failed')} failed`);
process.exitCode = total('failed') === 0 && outcomes.length > 0 ? 0 : 1;

/** As many at once as there are cores; a suite that is marked so runs alone. */
async function runAll(suites: Suite[]): Promise<Outcome[]> {
  const done: Outcome[] = [];
  const take = async (suite: Suite) => {
    const outcome = await runSuite(ROOT, suite);
    done.push(outcome);
    const mark = outcome.failed > 0 ? '✖' : '✔';
    console.log(
      `${mark} ${suite.name}  ${outcome.passed} passed${outcome.failed > 0 ? `, ${outcome.failed} failed` : ''}  ${(outcome.ms / 1_000).toFixed(1)} s`,
    );
  };
  const takeAll = async (queue: Suite[], atOnce: number) => {
    const worker = async () => {
      for (let suite = queue.shift(); suite; suite = queue.shift()) await take(suite);
    };
    await Promise.all(Array.from({ length: atOnce }, worker));
  };
  await takeAll(
    suites.filter(({ alone }) => !alone),
    Math.max(2, cpus().length),
  );
  await takeAll(
    suites.filter(({ alone }) => alone),
    1,
  );
  return done;
}
