// Uses each format's own reader: croner, systemd-analyze where it is there, a YAML parser, a shell.
import '@drydock/kit/testing';
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { hasSystemd, systemdAnalyze } from '@drydock/kit/testing';
import { Cron } from 'croner';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parse, parseAllDocuments } from 'yaml';

const test = suite('backup:schedule');
const ROOT = resolve(import.meta.dirname, '../../../..');
/** As the root's package.json calls it. */
const SCRIPT = ['--require', join(ROOT, 'scripts/first.cjs'), join(ROOT, 'packages/backups/scripts/schedule.ts')];

/** Run in the toolkit's folder, on its own product, unless another config is named. */
function schedule(args: string[]) {
  return spawnSync(process.execPath, [...SCRIPT, ...args], { cwd: ROOT, encoding: 'utf8' });
}

function print(...args: string[]): string {
  const { status, stdout, stderr } = schedule(args);
  assert.is(status, 0, stderr);
  return stdout;
}

/** A product of another name, with a schedule of its own. */
function product(schedule: object, name = "Kat's 100% Shop"): string {
  const folder = mkdtempSync(join(process.env.DRYDOCK_TEST_ROOT ?? tmpdir(), 'drydock-product-'));
  const parity = { nodeEnv: 'production', schema: 'deploy', features: 'all', sentry: 'optional', redis: 'optional' };
  const environment = { guard: 'none', parity };
  const environments = { development: environment, staging: environment, production: environment };
  const file = join(folder, 'drydock.config.ts');
  writeFileSync(file, `export default ${JSON.stringify({ product: name, environments, backups: { schedule } })};\n`);
  return file;
}

/** Is what a schedule would start really there? */
function assertStartable(words: string[]): void {
  const [program, first = '', name = ''] = words;
  if (basename(program ?? '') === 'node') {
    assert.ok(existsSync(join(ROOT, first)), words.join(' '));
    if (words.length === 2) return;
    const { status, stderr } = spawnSync(process.execPath, [join(ROOT, first), ...words.slice(2), '--help']);
    assert.is(status, 0, `${stderr}`);
    return;
  }
  assert.equal([program, first], ['npm', 'run']);
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: object };
  assert.ok(name in scripts, name);
}

/** What a shell makes of a command line. */
function shellWords(line: string): string[] {
  return spawnSync('sh', ['-c', `printf '%s\\n' ${line}`], { encoding: 'utf8' })
    .stdout.trimEnd()
    .split('\n');
}

const DRILL =
  'node scripts/backup-db.ts --env production --reason scheduled --lock-wait 30m --only drill --quiet'.split(' ');

test('crontab lines have times that cron reads and commands that are there', () => {
  const lines = print('--format', 'cron', '--env', 'production').split('\n');
  const jobs = lines.filter((line) => /^[\d*]/.test(line));
  assert.is(jobs.length, 3);
  for (const job of jobs) {
    const fields = job.split(' ');
    assert.ok(new Cron(fields.slice(0, 5).join(' '), { paused: true }).nextRun());
    const [folder = '', path = '', command = ''] = fields.slice(5).join(' ').split(' && ');
    assert.equal(shellWords(folder), ['cd', ROOT]);
    assert.match(path, 'node_modules/.bin:');
    const [exec, ...words] = shellWords(command);
    assert.is(exec, 'exec');
    assertStartable(words);
  }
  assert.equal(shellWords(jobs[1]?.split(' exec ')[1] ?? ''), DRILL);
  assert.ok(lines.includes('CRON_TZ=UTC'));
});

test('a folder with blanks, quotes and % survives cron and its shell', () => {
  const folder = join(mkdtempSync(join(process.env.DRYDOCK_TEST_ROOT ?? tmpdir(), 'drydock-')), "it's 100% here");
  mkdirSync(folder);
  const line =
    print('--format', 'cron', '--folder', folder)
      .split('\n')
      .find((text) => text.startsWith('17 2 ')) ?? '';
  const command = line.replace('17 2 * * * ', '').replace(/ && exec .*/, ' && pwd');
  assert.not.match(command, /[^\\]%/);
  const { stdout } = spawnSync('sh', ['-c', command.replaceAll('\\%', '%')], { encoding: 'utf8' });
  assert.is(stdout.trim(), folder);
});

test('a workflow runs each job at its own time or by hand, with secrets by name', () => {
  const workflow = parse(print('--format', 'github', '--env', 'production'));
  const { backup, drill } = workflow.jobs;
  assert.equal(Object.keys(workflow.jobs), workflow.on.workflow_dispatch.inputs.job.options);
  assert.equal(
    workflow.on.schedule.map(({ cron }: { cron: string }) => cron),
    ['17 2 * * *', '41 4 2 */2 *', '47 5 * * *'],
  );
  for (const [kind, job] of Object.entries<typeof backup>(workflow.jobs)) {
    const cron = workflow.on.schedule.find((one: { cron: string }) => job.if.includes(`'${one.cron}'`));
    assert.ok(cron && job.if.includes(`inputs.job == '${kind}'`), kind);
    assert.equal(job.concurrency, { group: `marketplace-${kind}-production`, 'cancel-in-progress': false });
    assert.is(job.environment, 'production');
    const runs: string[] = job.steps.flatMap(({ run }: { run?: string }) => run ?? []);
    assert.is(
      runs[0],
      'node scripts/bootstrap.mjs operate',
      'no browser and no server for a job on a database elsewhere',
    );
    for (const run of runs) assertStartable(shellWords(run.split('\n').at(-1) ?? ''));
    // A secret that nobody has set comes as an empty text: it must not hide what the files of the repository say.
    const [only = ''] = runs.at(-1)?.split('\n') ?? [];
    const env = { PATH: process.env.PATH, OPS_DATABASE_URL: '', BACKUP_RECIPIENTS: 'age1' };
    const left = execFileSync('bash', ['-e', '-c', `${only}\nenv`], { env, encoding: 'utf8' });
    assert.not.match(left, 'OPS_DATABASE_URL=');
    assert.match(left, 'BACKUP_RECIPIENTS=age1');
  }
  assert.is(backup.env.OPS_DATABASE_URL, `\${{ secrets.OPS_DATABASE_URL }}`);
  assert.is(backup.env.BACKUP_RECIPIENTS, `\${{ vars.BACKUP_RECIPIENTS }}`);
  assert.not('BACKUP_IDENTITY' in backup.env, 'what makes backups cannot open them');
  assert.ok('BACKUP_IDENTITY' in drill.env);
});

test('CronJobs never overlap, are given up in the end, and take secrets by reference', () => {
  const image = 'shop-operations:12';
  const documents = parseAllDocuments(print('--format', 'kubernetes', '--env', 'production', '--image', image));
  const jobs = documents.map((document) => document.toJS());
  assert.equal(
    jobs.map(({ apiVersion, kind, metadata }) => [apiVersion, kind, metadata.name]),
    [
      ['batch/v1', 'CronJob', 'marketplace-backup-production'],
      ['batch/v1', 'CronJob', 'marketplace-drill-production'],
      ['batch/v1', 'CronJob', 'marketplace-check-production'],
    ],
  );
  for (const { metadata, spec } of jobs) {
    const { backoffLimit, template } = spec.jobTemplate.spec;
    const [container] = template.spec.containers;
    assert.ok(new Cron(spec.schedule, { paused: true, timezone: spec.timeZone }).nextRun());
    assert.is(spec.concurrencyPolicy, 'Forbid');
    assert.is(spec.startingDeadlineSeconds, 1_800);
    assert.ok(backoffLimit <= 1);
    assert.is(container.image, image);
    assert.equal(container.envFrom, [{ secretRef: { name: metadata.name } }]);
    assert.not('env' in container);
    assertStartable(container.command);
  }
});

(hasSystemd() ? test : test.skip)('systemd finds nothing wrong with the units, and calls them safe', () => {
  const folder = mkdtempSync(join(process.env.DRYDOCK_TEST_ROOT ?? tmpdir(), 'drydock-units-'));
  const names = ['backup', 'drill', 'check'].flatMap((kind) =>
    ['service', 'timer'].map((type) => `marketplace-${kind}-production.${type}`),
  );
  for (const name of names) {
    const text = print('--format', 'systemd', '--env', 'production', '--file', name);
    writeFileSync(join(folder, name), text);
    const command = /^ExecStart=(.*)$/m.exec(text)?.[1];
    if (command) assertStartable(command.replace('/usr/bin/env ', '').split(' '));
  }
  const files = names.map((name) => join(folder, name));
  const verified = systemdAnalyze('verify', ...files);
  assert.equal([verified.status, verified.stderr], [0, '']);
  for (const file of files.filter((path) => path.endsWith('.service'))) {
    const { status, stdout } = systemdAnalyze('security', '--offline=true', '--threshold=40', file);
    assert.is(status, 0, stdout.trim().split('\n').at(-1));
  }
});

(hasSystemd() ? test : test.skip)('units of a toolkit in a folder with blanks and % are whole', () => {
  const folder = join(mkdtempSync(join(process.env.DRYDOCK_TEST_ROOT ?? tmpdir(), 'drydock-')), 'my 100% shop');
  mkdirSync(join(folder, 'node_modules/.bin'), { recursive: true });
  cpSync('/bin/true', join(folder, 'node_modules/.bin/node'));
  const name = 'marketplace-backup-production';
  for (const type of ['service', 'timer'])
    writeFileSync(
      join(folder, `${name}.${type}`),
      print(...'--format systemd --env production --file'.split(' '), `${name}.${type}`, '--folder', folder),
    );
  const { status, stderr } = systemdAnalyze('verify', join(folder, `${name}.timer`));
  assert.equal([status, stderr], [0, '']);
});

test('pruning gets a job of its own where it has a time of its own', () => {
  const config = product({ prune: '0 5 * * SUN', timeZone: 'Europe/Berlin' });
  const { jobs, on } = parse(print('--format', 'github', '--env', 'staging', '--config', config));
  assert.equal(Object.keys(jobs), ['backup', 'prune', 'drill', 'check']);
  assert.match(jobs.backup.steps.at(-1).run, /--only backup$/);
  assert.match(jobs.prune.steps.at(-1).run, /--only prune$/);
  assert.equal(on.schedule[1], { cron: '0 5 * * SUN', timezone: 'Europe/Berlin' });
  assert.is(jobs.prune.name, 'kat-s-100-shop-prune-staging');
  assert.not.match(jobs.drill.steps.at(-1).run, '--confirm');
});

test('what will not be there on a runner or in a pod is said', () => {
  const { stdout } = schedule(['--format', 'kubernetes', '--config', product({}), '--json']);
  const { findings, data } = JSON.parse(stdout);
  assert.equal(
    findings.map(({ code }: { code: string }) => code),
    ['STORE_THROWN_AWAY', 'CONFIG_ELSEWHERE', 'IMAGE_MISSING'],
  );
  assert.is(parseAllDocuments(data.files[0].text).length, 3);
});

test('a mistake is one sentence and exit 2', () => {
  const mistakes: [string[], RegExp][] = [
    [[], /--format is required/],
    [['--format', 'launchd'], /--format must be one of cron, systemd, github, kubernetes, not "launchd"/],
    [['--format', 'cron', '--image', 'x'], /--image says nothing for cron; it is for kubernetes/],
    [['--format', 'systemd', '--folder', 'here'], /--folder must be a whole path/],
    [['--format', 'systemd', '--file', 'x.timer'], /There is no "x.timer" among what backup:schedule prints/],
    [['--format', 'cron', '--config', '/nowhere/drydock.config.ts'], /does not exist/],
    [['--format', 'cron', '--config', product({ backup: '61 2 * * *' })], /backups.schedule.backup: minute 61 is not/],
    [['--format', 'github', '--config', product({ backup: '2,58 * * * *' })], /GitHub starts nothing more often than/],
    [['--format', 'cron', '--config', product({}, '店')], /has no letter from a to z/],
  ];
  for (const [args, said] of mistakes) {
    const { status, stdout, stderr } = schedule(args);
    assert.is(status, 2, args.join(' '));
    assert.match(stdout + stderr, said);
  }
  const dense = schedule(['--json', '--format', 'github', '--config', product({ backup: '*/2 * * * *' })]);
  assert.is(JSON.parse(dense.stdout).error.code, 'SCHEDULE_TOO_DENSE');
  assert.is(schedule(['--format', 'github', '--config', product({ backup: '2,58 3 * * *' })]).status, 0);
});

test('what is no part of one line is refused: a newline would be a command more', () => {
  const nasty = ['x\nExecStartPre=/bin/evil', 'x\r', 'x\u2028', 'x\u202e', 'x\u001b[2K'];
  for (const text of nasty)
    for (const args of [
      ['--format', 'systemd', '--user', text],
      ['--format', 'systemd', '--folder', `/srv/${text}`],
      ['--format', 'cron', '--folder', `/srv/${text}`],
    ]) {
      const { status, stdout, stderr } = schedule([...args, '--env', 'production']);
      assert.is(status, 2, JSON.stringify(args));
      assert.is(stdout, '');
      assert.match(stderr, /^✖ "[^\n]*x\\(n|r|u2028|u202e|u001b)/);
    }
});

test.run();
