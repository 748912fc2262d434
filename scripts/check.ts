#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineReadTask, flag, main, usageError } from '@drydock/kit';
import { keepResult, testedCommit } from './check/keep.ts';
import { runAll } from './check/run-all.ts';
import type { Outcome } from './check/run-suite.ts';
import { CHECKS, findSuites, type Suite } from './check/suites.ts';
import { tellLongest } from './check/times.ts';
import { onOtherServers } from './check/versions.ts';

const ROOT = join(import.meta.dirname, '..');
/** What reads PostgreSQL's catalogues, or changes roles in it. */
const ON_EACH_SERVER = ['packages/db/', 'packages/secrets/test/postgres/'];

const task = defineReadTask({
  name: 'check',
  summary:
    'Types, lint, promises, dead code, arrows, then every test of the workspace in a process of its own. What npm test runs.',
  examples: ['npm test', 'npm test -- kit', 'npm test -- --only-checks', 'npm test -- --thorough'],
  perEnvironment: false,
  endsItself: true,
  words: { value: 'PART', about: 'of a path: only tests whose path has one of these' },
  flags: {
    onlyChecks: flag.boolean({ about: 'types, lint, promises, dead code and arrows alone' }),
    onlyTests: flag.boolean({ about: 'tests alone' }),
    thorough: flag.boolean({
      about:
        'every round of the tests that kill and disturb, the long ones, those of db and of database roles also on PostgreSQL 14 to 18',
    }),
  },
  async run({ flags, words, out, signal, actor }) {
    // Heard by the tests, which are processes of their own.
    if (flags.thorough) process.env.DRYDOCK_THOROUGH = '1';
    const wanted = (suite: Suite) => words.length === 0 || words.some((part) => suite.name.includes(part));
    const checks = flags.onlyTests || words.length > 0 ? [] : CHECKS;
    const found = flags.onlyChecks ? [] : findSuites(ROOT, { long: flags.thorough || words.length > 0 });
    const everywhere = flags.thorough
      ? found.filter(({ name }) => ON_EACH_SERVER.some((at) => name.startsWith(at)))
      : [];
    const tests = [...found.filter(wanted), ...onOtherServers(everywhere, wanted)];
    const suites = [...checks, ...tests];
    if (suites.length === 0)
      throw usageError('NOTHING_TO_CHECK', `No test matches ${words.join(', ')}.`, 'All of them: npm test');
    const whole = words.length === 0 && !flags.onlyChecks && !flags.onlyTests;
    const commit = whole ? await testedCommit(ROOT) : undefined;
    const outcomes = await runAll(suites, { root: ROOT, say: out.line, signal });
    signal.throwIfAborted();
    for (const { suite, log } of outcomes.filter(({ failed }) => failed > 0))
      for (const line of ['', `── ${suite.name} ──`, ...readFileSync(log, 'utf8').trim().split('\n')]) out.line(line);
    const [passed, failed] = [total(outcomes, 'passed'), total(outcomes, 'failed')];
    await keepResult(ROOT, commit, {
      ok: failed === 0,
      says: `npm test: ${passed} passed, ${failed} failed`,
      by: actor,
    });
    for (const line of whole ? ['', ...tellLongest(outcomes)] : []) out.line(line);
    // Alone on its line: what reads the log of CI looks for it.
    out.line('');
    out.line(`${passed} passed, ${failed} failed`);
    return {
      verdict: failed === 0 ? 'Everything passed.' : 'Not everything passed; see above.',
      ok: failed === 0,
      data: { passed, failed, suites: outcomes.map(({ suite, log: _, ...rest }) => ({ suite: suite.name, ...rest })) },
    };
  },
});

function total(outcomes: Outcome[], key: 'passed' | 'failed'): number {
  return outcomes.reduce((sum, outcome) => sum + outcome[key], 0);
}

export default task;
await main(task, import.meta);
