// Uses no service but a file that stands for one, and programs of its own.
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type OpsError, redact, Secret } from '@drydock/kit';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { isUnknown } from '../src/unknown.ts';
import { openBench, rotate } from './drive.ts';

const test = suite('generic');
const OLD = 'mail-key-before-any-rotation';

/** A service that keeps the keys that it takes in a file, and the programs that a product's own commands would be. */
const PROGRAM = `
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
const [file, what, how] = process.argv.slice(2);
const { OLD, NEW, ADDRESS } = process.env;
const keys = () => new Set(readFileSync(file, 'utf8').split('\\n').filter(Boolean));
const keep = (all) => writeFileSync(file, [...all].join('\\n'));
if (process.argv.some((word) => word === OLD || word === NEW)) throw new Error('a value is in the argv');
appendFileSync(file + '.calls', what + (ADDRESS ? ' ' + ADDRESS : '') + '\\n');
if (how === 'prints') console.log('the old is ' + OLD + ' and the new is ' + NEW);
if (how === 'hangs') { setInterval(() => {}, 1000); await new Promise(() => {}); }
if (what === 'add') keep(keys().add(NEW));
if (what === 'retire') { const all = keys(); all.delete(OLD); keep(all); }
if (what === 'try') process.exit(keys().has(NEW) ? 0 : 1);
if (what === 'proof') process.exit(keys().has(OLD) ? 0 : 3);
if (what === 'users') process.stdout.write(existsSync(file + '.users') ? readFileSync(file + '.users', 'utf8') : '');
if (how === 'dies') process.kill(process.pid, 'SIGKILL');
if (how === 'three') process.exit(3);
`;

function service() {
  const folder = mkdtempSync(join(process.env.DRYDOCK_TEST_ROOT ?? tmpdir(), 'drydock-generic-'));
  const [file, program] = [join(folder, 'keys'), join(folder, 'service.mjs')];
  writeFileSync(file, OLD);
  writeFileSync(program, PROGRAM);
  return {
    file,
    keys: () => readFileSync(file, 'utf8').split('\n').filter(Boolean),
    calls: () => (existsSync(`${file}.calls`) ? readFileSync(`${file}.calls`, 'utf8').trim().split('\n') : []),
    command: (what: string, how = 'plain') => ['node', program, file, what, how],
  };
}

const bench = (secret: object, addresses: string[] = [], ask?: () => Promise<Secret>) =>
  openBench({
    secret: { kind: 'generic', variable: 'MAIL_KEY', ...secret },
    env: { MAIL_KEY: OLD },
    product: { addresses: async () => addresses },
    ...(ask ? { ctx: { ask } } : {}),
  });

const refusal = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: OpsError) => error,
  );

test('ten lines of config: both are valid, each instance tries the new one, the old one is proven dead', async () => {
  const mail = service();
  const b = await bench(
    {
      overlap: 'both',
      add: mail.command('add'),
      tryEach: mail.command('try'),
      users: mail.command('users'),
      retire: mail.command('retire'),
      proof: mail.command('proof'),
    },
    ['http://10.0.0.1:3000', 'http://10.0.0.2:3000'],
  );
  const procedure = await (await b.rotator()).procedure();
  assert.equal([procedure.overlap, procedure.outageSeconds, procedure.redeploys], ['both', 0, true]);
  const { next, says, proof } = await rotate(b);
  assert.match(says, 'http://10.0.0.1:3000, http://10.0.0.2:3000');
  assert.equal(mail.keys(), [next.MAIL_KEY?.reveal()]);
  assert.equal([proof?.verdict, b.values.MAIL_KEY?.reveal()], ['dead', next.MAIL_KEY?.reveal()]);
  assert.ok(mail.calls().includes('try http://10.0.0.2:3000'));
});

test('one that is given up leaves the service as it was', async () => {
  const mail = service();
  const b = await bench({ overlap: 'both', add: mail.command('add'), retire: mail.command('retire') });
  const { old, next } = await rotate(b, { until: 'validate' });
  assert.is(mail.keys().length, 2);
  for (let times = 0; times < 2; times++) await (await b.rotator()).withdraw(old, next);
  assert.equal(mail.keys(), [OLD]);
  await (await b.rotator()).withdraw(old, {});
  const untold = await bench({ overlap: 'both', add: mail.command('add') });
  await (await untold.rotator()).withdraw(old, next);
  assert.match(untold.said.join(), 'do that by hand');
});

test('whoever still uses the old one is told, masked; where nobody can tell, that is no no', async () => {
  const mail = service();
  const b = await bench({ overlap: 'both', users: mail.command('users') });
  const { old, next } = await rotate(b, { until: 'promote' });
  writeFileSync(`${mail.file}.users`, `batch-7 with ${OLD}\n\n`);
  const [one, ...more] = await (await b.rotator()).stragglers(old, next);
  assert.equal([one?.who, more.length], ['batch-7 with ***', 0]);
  const broken = await bench({ overlap: 'both', users: mail.command('users', 'three') });
  assert.ok(isUnknown(await refusal((await broken.rotator()).stragglers(old, next))));
});

test('a command that dies after its work is done again, and one that hangs is ended in its time', async () => {
  const mail = service();
  const { old, next } = await rotate(await bench({}), { until: 'make' });
  const dies = await bench({ add: mail.command('add', 'dies') });
  const died = await refusal((await dies.rotator()).add(old, next));
  assert.equal([died?.code, mail.keys().length], ['COMMAND_FAILED', 2]);
  const whole = await bench({ add: mail.command('add') });
  await (await whole.rotator()).add(old, next);
  assert.is(mail.keys().length, 2);
  const hangs = await bench({ add: mail.command('add', 'hangs'), timeoutMs: 1_500 });
  const slow = await refusal((await hangs.rotator()).add(old, next));
  assert.equal([slow?.code, slow?.exit], ['COMMAND_SLOW', 1]);
  assert.match(slow?.message ?? '', 'did not end within 1500 ms');
});

test('an interruption is an interruption, also where the answer would be unknown', async () => {
  const mail = service();
  const stop = new AbortController();
  const b = await openBench({
    secret: { kind: 'generic', variable: 'MAIL_KEY', proof: mail.command('proof', 'hangs') },
    env: { MAIL_KEY: OLD },
    ctx: { signal: stop.signal },
  });
  const { old, next } = await rotate(await bench({}), { until: 'make' });
  const asked = refusal((await b.rotator()).proof(old, next));
  while (mail.calls().length === 0) await sleep(20);
  stop.abort();
  assert.is((await asked)?.name, 'AbortError');
});

test('the proof says yes, no, or that it cannot be told: 0, 3, anything else, and killed', async () => {
  const mail = service();
  const { old, next } = await rotate(await bench({}), { until: 'make' });
  const proof = async (secret: object) => (await (await bench(secret)).rotator()).proof(old, next);
  assert.is((await proof({ proof: mail.command('proof') })).verdict, 'alive');
  assert.is((await proof({ proof: mail.command('nothing', 'three') })).verdict, 'dead');
  assert.is((await proof({})).verdict, 'unknown');
  for (const command of [
    mail.command('nothing', 'dies'),
    ['node', '-e', 'process.exit(1)'],
    ['a-program-that-is-none'],
  ])
    assert.ok(isUnknown(await refusal(proof({ proof: command }))), command.join(' '));
});

test('a value is in no argv, and masked in what a command prints and in why it failed', async () => {
  const mail = service();
  const b = await bench({
    add: mail.command('add', 'prints'),
    retire: ['node', '-e', 'console.error(process.env.NEW); process.exit(1)'],
  });
  const { old, next } = await rotate(b, { until: 'make' });
  const fresh = next.MAIL_KEY?.reveal() ?? '';
  await (await b.rotator()).add(old, next);
  const failed = await refusal((await b.rotator()).retire(old, next));
  assert.is(failed?.code, 'COMMAND_FAILED');
  assert.equal(
    b.said.filter((line) => line.includes('the old is')),
    ['the old is *** and the new is ***'],
  );
  for (const text of [...b.said, failed?.message ?? '', failed?.hint as string]) assert.not.match(text ?? '', fresh);
  assert.is(redact(fresh), '***');
});

test('with no overlap plan says for how long, and nothing is claimed that was not tried', async () => {
  const mail = service();
  const b = await bench({ add: mail.command('add'), outageSeconds: 25, tryEach: mail.command('try') }, [
    'http://10.0.0.1:3000',
  ]);
  const { overlap, outageSeconds, settleSeconds, says } = await (await b.rotator()).procedure();
  assert.equal([overlap, outageSeconds, settleSeconds], ['none', 25, 0]);
  assert.match(says.join(), 'about 25 s');
  assert.match(says.join(), 'nothing proves that the old one is dead');
  const { old, next, says: tried } = await rotate(b, { until: 'validate' });
  assert.equal([tried, mail.keys()], ['', [OLD]], 'nothing is set before it is promoted');
  await (await b.rotator()).replace?.(old, next);
  assert.match(await (await b.rotator()).validate(old, next, ['http://10.0.0.1:3000']), 'http://10.0.0.1:3000');
  assert.is(await (await (await bench({})).rotator()).validate(old, next), '', 'nothing tries it');
});

test('one that is asked for is what was typed; one that operators alone have starts no product', async () => {
  const typed = new Secret('typed-by-somebody');
  const asked = await bench({ value: 'ask' }, [], async () => typed);
  assert.is((await rotate(asked)).next.MAIL_KEY, typed);
  const b = await openBench({
    secret: { kind: 'generic', variable: 'MAIL_KEY' },
    env: { MAIL_KEY: OLD },
    more: { variables: { MAIL_KEY: { for: 'operator', example: 'k', about: 'sends mail' } } },
  });
  const rotator = await b.rotator();
  assert.equal([rotator.productVariables, (await rotator.procedure()).redeploys], [[], false]);
});

test.run();
