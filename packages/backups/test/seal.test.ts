// Uses zstd and age where they are installed, and neither.
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findTool, OpsError, Secret } from '@drydock/kit';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { seal, unseal } from '../src/crypt/seal.ts';
import { type Keys, makeKeys, temporaryFolder } from './world.ts';

const test = suite('sealing');
let keys: Keys;
const { PATH = '' } = process.env;
test.before(async () => {
  keys = await makeKeys();
});
test.after.each(() => {
  process.env.PATH = PATH;
});

/** More than all buffers on the way hold together, half of it of no use to zstd. */
const PLAIN = Buffer.concat([randomBytes(6 << 20), Buffer.alloc(6 << 20, 'rows and rows\n')]);

/** As a dump comes: in pieces whose memory is used again once they are taken. */
async function sealed(plain: Buffer, recipient = keys.recipient): Promise<Buffer> {
  const sealing = await seal({ level: 1, recipients: [recipient] });
  const memory = Buffer.alloc(100_000);
  const writing = (async () => {
    for (let at = 0; at < plain.length; at += memory.length) {
      const length = plain.copy(memory, 0, at);
      await sealing.write(memory.subarray(0, length));
      memory.fill('x');
    }
    sealing.end();
  })();
  const pieces: Buffer[] = [];
  for await (const piece of sealing.sealed) pieces.push(Buffer.from(piece));
  await writing;
  return Buffer.concat(pieces);
}

async function opened(bytes: Buffer, identity = keys.identity): Promise<Buffer> {
  const path = join(temporaryFolder(), 'sealed');
  writeFileSync(path, bytes);
  const pieces: Buffer[] = [];
  for await (const piece of unseal(path, new Secret(identity, 'BACKUP_IDENTITY'))) pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces);
}

async function failure(work: Promise<unknown>): Promise<OpsError> {
  try {
    await work;
  } catch (error) {
    return error as OpsError;
  }
  throw new Error('it did not fail');
}

/** A PATH on which these programs are what the scripts make of them; without a script they are not there. */
function withPrograms(scripts: Record<string, string>): void {
  const folder = join(temporaryFolder(), 'bin');
  mkdirSync(folder);
  for (const [name, script] of Object.entries(scripts))
    writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  process.env.PATH = folder;
}

test('what the programs have sealed is opened without them, and the other way round', async () => {
  assert.ok(findTool('zstd') && findTool('age'), 'both programs are here');
  const byPrograms = await sealed(PLAIN);
  assert.ok(byPrograms.length < PLAIN.length * 0.6, `${byPrograms.length} bytes: half of it compresses`);
  assert.ok((await opened(byPrograms)).equals(PLAIN));
  withPrograms({});
  assert.is(findTool('zstd'), undefined);
  assert.ok((await opened(byPrograms)).equals(PLAIN));
  const here = await sealed(PLAIN);
  process.env.PATH = PATH;
  assert.ok((await opened(here)).equals(PLAIN));
});

test('a bit that flipped, a piece that is missing and the key of somebody else are refused', async () => {
  const bytes = await sealed(PLAIN);
  const flipped = Buffer.from(bytes);
  flipped[bytes.length >> 1] = (flipped[bytes.length >> 1] ?? 0) ^ 1;
  for (const damaged of [flipped, bytes.subarray(0, -1), bytes.subarray(0, bytes.length >> 1)])
    assert.is((await failure(opened(damaged))).code, 'BACKUP_UNREADABLE');
  assert.is((await failure(opened(bytes, (await makeKeys()).identity))).code, 'WRONG_KEY');
});

test('what is not compressed by zstd is told in its words', async () => {
  const path = join(temporaryFolder(), 'odd');
  writeFileSync(path, 'no zstd');
  const odd = execFileSync('age', ['--encrypt', '-r', keys.recipient, path]);
  assert.match((await failure(opened(odd))).message, /unsupported format|unknown|not in zstd format/i);
});

test('a program that ends early fails the backup with what it said, whichever of the two it is', async () => {
  const [zstd, age] = [findTool('zstd'), findTool('age')];
  for (const [scripts, code, why] of [
    [
      { zstd: 'head -c 1000 > /dev/null; echo "zstd: error 70 : no space" >&2; exit 70', age: `exec ${age} "$@"` },
      'COMPRESS_FAILED',
      /no space/,
    ],
    [
      { zstd: `exec ${zstd} "$@"`, age: 'echo "age: error: no such thing" >&2; exit 1' },
      'ENCRYPT_FAILED',
      /no such thing/,
    ],
    [{ zstd: 'kill -KILL $$', age: `exec ${age} "$@"` }, 'COMPRESS_FAILED', /ended with SIGKILL/],
  ] as const) {
    withPrograms(scripts);
    process.env.PATH = `${process.env.PATH}:/usr/bin:/bin`;
    const error = await failure(sealed(PLAIN));
    assert.equal([error instanceof OpsError, error.code], [true, code], error.message);
    assert.match(error.message, why);
  }
});

test('the programs know nothing of our environment but where programs are', async () => {
  const seen = join(temporaryFolder(), 'seen');
  const [zstd, age] = [findTool('zstd'), findTool('age')];
  withPrograms({ zstd: `env >> ${seen}; exec ${zstd} "$@"`, age: `env >> ${seen}; exec ${age} "$@"` });
  process.env.PATH = `${process.env.PATH}:/usr/bin:/bin`;
  process.env.DRYDOCK_TEST_SECRET = 'nobody else is to know it';
  try {
    await opened(await sealed(Buffer.from('rows')));
  } finally {
    delete process.env.DRYDOCK_TEST_SECRET;
  }
  const names = readFileSync(seen, 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.split('=')[0]);
  assert.equal([...new Set(names)].sort(), ['PATH', 'PWD']);
});

test('a dump that fails fails what is sealed of it', async () => {
  const sealing = await seal({ level: 1, recipients: [keys.recipient] });
  await sealing.write(Buffer.from('half of it'));
  sealing.end(new Error('the server went away'));
  const read = async () => {
    for await (const piece of sealing.sealed) void piece;
  };
  assert.match((await failure(read())).message, 'the server went away');
});

test('a reader that has seen enough leaves no program behind', async () => {
  const path = join(temporaryFolder(), 'sealed');
  writeFileSync(path, await sealed(PLAIN));
  for await (const piece of unseal(path, new Secret(keys.identity, 'BACKUP_IDENTITY'))) {
    assert.ok(piece.length > 0);
    break;
  }
  const children = () => readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim();
  for (let tries = 0; children() !== '' && tries < 200; tries++) await new Promise((done) => setTimeout(done, 20));
  assert.is(children(), '');
});

test.run();
