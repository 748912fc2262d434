// Uses Redis, set up in the ways that it is found in.
import { mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, type OpsError } from '@drydock/kit';
import { makeAuthority, startTestRedis, type TestRedis, testRoot } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { isUnknown } from '../../src/unknown.ts';
import { type Asked, holding, logIn, namedFor, passwordsOf, quiet, rotatorFor, say, urlIn } from './world.ts';

const test = suite('Redis as it is found');
const running: TestRedis[] = [];
test.after.each(async () => {
  await Promise.all(running.splice(0).map((redis) => redis.stop()));
});

async function started(...options: Parameters<typeof startTestRedis>): Promise<TestRedis> {
  const redis = await startTestRedis(...options);
  running.push(redis);
  return redis;
}

const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'taken',
    (error: OpsError) => error.code,
  );
const asked = ({ url, operatorUrl }: TestRedis, more: Partial<Asked> = {}) => rotatorFor({ url, operatorUrl, ...more });
async function until(what: string, is: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await is()); tries++) {
    assert.ok(tries < 200, what);
    await new Promise((done) => setTimeout(done, 50));
  }
}
const follows = (master: TestRedis) =>
  until('the replica follows', async () =>
    String(await say(master.operatorUrl, ['INFO', 'replication'])).includes('state=online'),
  );
/** Without the five seconds that it waits for more replicas. */
const AT_ONCE = ['--repl-diskless-sync-delay', '0'];

/** Every phase, each by fresh objects; whether the old one and the new one are taken at the end. */
async function whole(what: Asked): Promise<{ next: string; proof: string }> {
  const old = holding(what.url);
  await (await rotatorFor(what)).refuse(old);
  const next = await (await rotatorFor(what)).make(old);
  for (const phase of ['add', 'validate', 'retire'] as const) await (await rotatorFor(what))[phase](old, next);
  return { next: urlIn(next), proof: (await (await rotatorFor(what)).proof(old, next)).verdict };
}

test('an ACL file that cannot be written: told, and undone', async () => {
  const redis = await started();
  const acl = redis.acl ?? '';
  const old = holding(redis.url);
  const rotator = await asked(redis);
  const next = await rotator.make(old);
  const closed = (work: () => Promise<unknown>) => {
    // Nobody writes a file where a folder is, not even root.
    renameSync(acl, `${acl}.kept`);
    mkdirSync(acl);
    return work().finally(() => {
      rmSync(acl, { recursive: true });
      renameSync(`${acl}.kept`, acl);
    });
  };
  const error = await closed(() => rotator.add(old, next).catch((thrown: OpsError) => thrown));
  assert.is((error as OpsError).code, 'REDIS_USERS_NOT_KEPT');
  assert.match(
    (error as OpsError).message,
    /cannot write its users to disk \(ACL SAVE: .*What was changed is undone\.$/,
  );
  assert.is((await passwordsOf(redis)).length, 1);
  await rotator.add(old, next);
  assert.is(await closed(() => codeOf(rotator.retire(old, next))), 'REDIS_USERS_NOT_KEPT');
  assert.equal([await logIn(redis.url), await logIn(urlIn(next))], ['OK', 'OK'], 'retire is undone as well');
  const emergency = await asked(redis, { emergency: true });
  assert.is(await closed(() => codeOf(emergency.retire(old, next))), 'REDIS_USERS_NOT_KEPT');
  assert.match(await logIn(redis.url), 'WRONGPASS', 'a lost one is ended all the same');
  await emergency.retire(old, next);
  await redis.restart();
  assert.match(await logIn(redis.url), 'WRONGPASS');
});

test('requirepass alone: the user rotates itself, kept by CONFIG REWRITE', async () => {
  const redis = await started({ acl: null, config: 'requirepass of-before\n' });
  const url = `redis://:of-before@127.0.0.1:${redis.port}/1`;
  const what = { url, secret: { operator: 'REDIS_URL' } };
  const { next, proof } = await whole(what);
  assert.is(proof, 'dead');
  assert.match(next, /^redis:\/\/:[\w-]{43}@127\.0\.0\.1:\d+\/1$/);
  await redis.restart();
  assert.equal([(await logIn(url)).split(' ')[0], await logIn(next)], ['WRONGPASS', 'OK']);
});

test('a Redis that keeps its users nowhere is refused, unless that is meant', async () => {
  const redis = await started({ acl: null, args: ['--requirepass', 'of-before'] });
  const url = `redis://:of-before@127.0.0.1:${redis.port}`;
  const what = { url, secret: { operator: 'REDIS_URL' } };
  assert.is(await codeOf(whole(what)), 'REDIS_KEEPS_NO_USERS');
  assert.is(await logIn(url), 'OK');
  const { proof } = await whole({ ...what, secret: { ...what.secret, save: 'never' } });
  assert.is(proof, 'dead');
});

test('nopass: the new password is taken from the start, and alone after retire', async () => {
  const redis = await started({ acl: 'user default on nopass ~* &* +@all\n' });
  const url = `redis://127.0.0.1:${redis.port}/2`;
  const what = { url, secret: { operator: 'REDIS_URL' } };
  const old = holding(url);
  const next = await (await rotatorFor(what)).make(old);
  assert.match(urlIn(next), /^redis:\/\/default:[\w-]{43}@127\.0\.0\.1:\d+\/2$/);
  for (const phase of ['refuse', 'add', 'validate', 'withdraw', 'add'] as const)
    await (await rotatorFor(what))[phase](old, next);
  assert.equal([await logIn(url), await logIn(urlIn(next))], ['OK', 'OK']);
  assert.is((await (await rotatorFor(what)).proof(old, next)).verdict, 'alive');
  for (const phase of ['retire', 'retire'] as const) await (await rotatorFor(what))[phase](old, next);
  const proof = await (await rotatorFor(what)).proof(old, next);
  assert.equal([proof.verdict, proof.says.split(': ')[1]], ['dead', 'NOAUTH']);
  await redis.restart();
  assert.equal([(await logIn(url)).split(' ')[0], await logIn(urlIn(next))], ['NOAUTH', 'OK']);
});

test('passwords that no variable holds: refused, and taken out by adoption where nobody can be using them', async () => {
  const redis = await started();
  await say(redis.operatorUrl, ['ACL', 'SETUSER', 'app', '>of-somebody']);
  const old = holding(redis.url);
  assert.is(await codeOf((await asked(redis)).refuse(old)), 'REDIS_OTHER_PASSWORDS');
  const stranger = quiet(redis.url.replace(/:[^:@]+@/, ':of-somebody@'));
  await stranger.connect();
  assert.is(await codeOf((await asked(redis)).adoption?.(old) ?? Promise.resolve()), 'REDIS_OTHER_PASSWORDS');
  stranger.disconnect();
  const told = quiet(redis.url, namedFor(old));
  await told.connect();
  const adoption = await (await asked(redis)).adoption?.(old);
  assert.equal(adoption?.says, ["takes out 1 more of app's passwords, which no variable holds"]);
  assert.is((await passwordsOf(redis)).length, 2, 'nothing is done until it is run');
  assert.equal([await adoption?.run(), await adoption?.run()], [{}, {}]);
  told.disconnect();
  assert.is((await passwordsOf(redis)).length, 1);
  await (await asked(redis)).refuse(old);
  assert.equal((await (await asked(redis)).adoption?.(old))?.says, []);
});

test('one user for all: adoption makes the operator one, and then takes the right to change ACLs from the product', async () => {
  const redis = await started({ acl: 'user default off\nuser app on >of-before ~* &* +@all\n' });
  const url = `redis://app:of-before@127.0.0.1:${redis.port}/0`;
  const old = holding(url);
  assert.is(await codeOf((await rotatorFor({ url })).refuse(old)), 'REDIS_NO_OPERATOR');
  assert.is(await codeOf((await rotatorFor({ url, operatorUrl: url })).refuse(old)), 'REDIS_SAME_USER');
  const killed = await (await rotatorFor({ url })).adoption?.(old);
  assert.match(killed?.says.join() ?? '', 'makes the user ops');
  await killed?.run();
  const made = await (await (await rotatorFor({ url })).adoption?.(old))?.run();
  const operatorUrl = made?.OPS_REDIS_URL?.reveal() ?? '';
  assert.match(operatorUrl, /^redis:\/\/ops:[\w-]{43}@127\.0\.0\.1:\d+\/0$/);
  assert.is(await logIn(operatorUrl), 'OK');
  const narrowing = await (await rotatorFor({ url, operatorUrl })).adoption?.(old);
  assert.equal(narrowing?.says, ['app may not change ACLs any more']);
  await narrowing?.run();
  assert.match(String(await say(url, ['ACL', 'LIST'])), 'NOPERM');
  assert.is(await say(url, ['SET', 'k', 'v']), 'OK');
  await redis.restart();
  assert.is((await whole({ url, operatorUrl })).proof, 'dead');
  assert.is(await codeOf((await rotatorFor({ url })).adoption?.(old) ?? Promise.resolve()), 'REDIS_OPERATOR_REFUSED');
});

test('an operator who may not is told so before anything is made, with what to type', async () => {
  const redis = await started();
  for (const [lacks, rules] of [
    ['acl|whoami', ['-acl']],
    ['acl|setuser', ['+acl', '-acl|setuser']],
    ['client|kill', ['+acl', '-client|kill']],
  ] as const) {
    await say(redis.operatorUrl, [
      'ACL',
      'SETUSER',
      'poor',
      'reset',
      'on',
      '>poor',
      '+@connection',
      '+acl',
      '+client',
      '+info',
      '+config|get',
      '+config|rewrite',
      ...rules,
    ]);
    const poor = await rotatorFor({ url: redis.url, operatorUrl: `redis://poor:poor@127.0.0.1:${redis.port}` });
    const error = await poor.refuse(holding(redis.url)).catch((thrown: OpsError) => thrown);
    assert.is((error as OpsError).code, 'REDIS_NOT_PERMITTED', lacks);
    assert.match((error as OpsError).message, `'${lacks}'`);
    assert.match(String((error as OpsError).hint), 'ACL SETUSER');
  }
});

test('what the variable holds must be what is in use, at the server that is changed', async () => {
  const [redis, other] = [await started(), await started()];
  const wrong = redis.url.replace(/:[^:@]+@/, ':wrong@');
  assert.is(await codeOf((await asked(redis)).refuse(holding(wrong))), 'REDIS_CURRENT_REFUSED');
  const stranger = redis.url.replace('app:', 'nobody:');
  assert.is(await codeOf((await asked(redis)).refuse(holding(stranger))), 'REDIS_USER_MISSING');
  assert.is(
    await codeOf((await asked(redis, { operatorUrl: other.operatorUrl })).refuse(holding(redis.url))),
    'REDIS_ELSEWHERE',
  );
  const bad = redis.operatorUrl.replace(/:[^:@]+@/, ':wrong@');
  assert.is(
    await codeOf((await asked(redis, { operatorUrl: bad })).refuse(holding(redis.url))),
    'REDIS_OPERATOR_REFUSED',
  );
  await say(redis.operatorUrl, ['ACL', 'SETUSER', 'app', 'off']);
  assert.is(await codeOf((await asked(redis)).refuse(holding(redis.url))), 'REDIS_USER_OFF');
});

test('a replica gets what its master gets; without it nothing is begun', async () => {
  const users = readFileSync((await started()).acl ?? '', 'utf8');
  const replicator = 'user replicator on >replicate +psync +replconf +ping\n';
  const master = await started({ acl: users + replicator, args: AT_ONCE });
  const follow = ['--replicaof', `127.0.0.1 ${master.port}`, '--masteruser', 'replicator', '--masterauth', 'replicate'];
  const replica = await started({ acl: users + replicator, args: follow });
  await follows(master);
  const { next, proof } = await whole({ url: master.url, operatorUrl: master.operatorUrl });
  assert.is(proof, 'dead');
  const there = (url: string) => url.replace(`:${master.port}`, `:${replica.port}`);
  for (const restarted of [false, true]) {
    if (restarted) await replica.restart();
    assert.is(await logIn(there(next)), 'OK');
    assert.match(await logIn(there(master.url)), 'WRONGPASS');
  }
  // From the replica's address the master is found as well.
  await follows(master);
  const again = await whole({ url: next, operatorUrl: there(master.operatorUrl) });
  assert.is(await logIn(again.next), 'OK');
  assert.is(await logIn(there(again.next)), 'OK');

  const old = holding(again.next);
  await say(there(replica.operatorUrl), ['ACL', 'SETUSER', 'app', 'off']);
  assert.is(
    await codeOf((await rotatorFor({ url: again.next, operatorUrl: master.operatorUrl })).refuse(old)),
    'REDIS_USER_OFF',
  );
  await say(there(replica.operatorUrl), ['ACL', 'DELUSER', 'app']);
  assert.is(
    await codeOf((await rotatorFor({ url: again.next, operatorUrl: master.operatorUrl })).refuse(old)),
    'REDIS_USER_MISSING',
  );
  await replica.kill();
  // Its master forgets one that is off; who says how many there are is told.
  const counted = { url: again.next, operatorUrl: master.operatorUrl, secret: { nodes: 2 } };
  const away = await (await rotatorFor(counted)).refuse(old).catch((error) => error);
  assert.ok(isUnknown(away), 'a node is missing');
});

test('a replica that logs in as the product is not locked out', async () => {
  const master = await started({ args: AT_ONCE });
  const users = readFileSync(master.acl ?? '', 'utf8');
  await say(master.operatorUrl, ['ACL', 'SETUSER', 'app', '+psync', '+replconf']);
  const follow = [
    '--replicaof',
    `127.0.0.1 ${master.port}`,
    '--masteruser',
    'app',
    '--masterauth',
    new URL(master.url).password,
  ];
  await started({ acl: users, args: follow });
  await follows(master);
  assert.is(await codeOf((await asked(master)).refuse(holding(master.url))), 'REDIS_USER_OF_REDIS');
});

test('every member of a cluster', async () => {
  const acl = 'user default on >of-before ~* &* +@all\n';
  // By itself 10,000 above its own: there an outgoing connection of anybody may have it.
  const member = async () => {
    const bus = await freePort();
    const args = ['--cluster-enabled', 'yes', '--cluster-port', String(bus)];
    return { ...(await started({ acl, args })), bus };
  };
  const [one, two] = [await member(), await member()];
  const at = ({ port }: TestRedis, password = 'of-before') => `redis://:${password}@127.0.0.1:${port}`;
  await say(at(one), ['CLUSTER', 'MEET', '127.0.0.1', String(two.port), String(two.bus)]);
  const known = async () => String(await say(at(one), ['CLUSTER', 'NODES'])).trim();
  await until('they meet', async () => (await known()).split('\n').length === 2 && !/handshake/.test(await known()));
  const { next, proof } = await whole({ url: at(one), secret: { operator: 'REDIS_URL' } });
  assert.is(proof, 'dead');
  for (const node of [one, two]) {
    assert.is(await logIn(at(node, new URL(next).password)), 'OK');
    assert.match(await logIn(at(node)), 'WRONGPASS');
  }
});

test('over TLS with an authority of its own, and over a socket', async () => {
  const folder = testRoot('redis-tls');
  const authority = makeAuthority(folder);
  const { certFile, keyFile } = authority.sign('redis', ['IP:127.0.0.1']);
  const socket = join(folder, 'redis.sock');
  const port = await freePort();
  const redis = await started({
    args: [
      '--tls-port',
      `${port}`,
      '--tls-cert-file',
      certFile,
      '--tls-key-file',
      keyFile,
      '--tls-ca-cert-file',
      authority.file,
      '--tls-auth-clients',
      'yes',
      '--unixsocket',
      socket,
    ],
  });
  const safe = (url: string) => url.replace('redis:', 'rediss:').replace(`:${redis.port}`, `:${port}`);
  const client = authority.sign('operator');
  const tls = { ca: authority.file, cert: client.certFile, key: client.keyFile };
  const { next, proof } = await whole({ url: safe(redis.url), operatorUrl: safe(redis.operatorUrl), secret: { tls } });
  assert.is(proof, 'dead');
  assert.ok(next.startsWith('rediss://app:'));
  const stranger = await rotatorFor({ url: next, operatorUrl: safe(redis.operatorUrl) });
  const refused = await stranger.refuse(holding(next)).catch((error) => error);
  assert.ok(isUnknown(refused), 'whom nobody vouches for is no answer');

  const { password } = new URL(next);
  const { password: operator } = new URL(redis.operatorUrl);
  for (const [url, operatorUrl] of [
    [`${socket}?db=1&username=app&password=${password}`, `unix://ops:${operator}@${socket}`],
  ] as const) {
    const over = await whole({ url, operatorUrl });
    assert.is(over.proof, 'dead');
    assert.match(over.next, /\?db=1&username=app&password=[\w-]{43}$/);
    assert.is(await logIn(over.next), 'OK');
  }
  rmSync(folder, { recursive: true, force: true });
});

test.run();
