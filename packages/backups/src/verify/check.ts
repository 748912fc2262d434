import { spawn } from 'node:child_process';
import { type Finding, OpsError, requireTool, type Secret } from '@drydock/kit';
import { Meter } from '../dump/stream.ts';
import { type Manifest, readManifest } from '../manifest.ts';
import { keyOf, MANIFEST } from '../names.ts';
import { readPlain } from '../restore/plain.ts';
import type { Store } from '../store/types.ts';

export interface Checked {
  findings: Finding[];
  /** Entries of the dump's table of contents; undefined without a key. */
  entries: number | undefined;
}

/**
 * Whether a backup is what was written, without restoring it: the manifest to the letter, every object's SHA-256, and
 * with the private key the dump in the clear and its table of contents.
 */
export async function checkBackup(
  store: Store,
  env: string,
  id: string,
  identity: Secret | undefined,
): Promise<Checked> {
  const bad = (code: string, why: string): Finding => ({
    level: 'error',
    code,
    message: `${id} in ${store.label}: ${why}.`,
    hint: 'Take the same from another store, or another backup; find out what changed the bytes.',
  });
  const text = await store.readText(keyOf(env, id, MANIFEST));
  const read = text === undefined ? undefined : readManifest(text);
  if (!read?.ok) return { findings: [bad('MANIFEST_DAMAGED', read?.why ?? 'it has no manifest')], entries: undefined };
  const { manifest } = read;
  if (manifest.id !== id || manifest.env !== env)
    return {
      findings: [bad('MANIFEST_DAMAGED', `its manifest is of ${manifest.env}/${manifest.id}`)],
      entries: undefined,
    };
  const findings: Finding[] = [];
  for (const { name, bytes, sha256 } of manifest.objects) {
    const found = await measure(store, keyOf(env, id, name));
    if (!found) findings.push(bad('OBJECT_MISSING', `${name} is not there`));
    else if (found.bytes !== bytes)
      findings.push(bad('OBJECT_DAMAGED', `${name} has ${found.bytes} bytes, ${bytes} were written`));
    else if (found.sha256 !== sha256)
      findings.push(bad('OBJECT_DAMAGED', `${name} has another SHA-256 than what was written`));
  }
  if (findings.length > 0 || !identity) return { findings, entries: undefined };
  return openDump(store, manifest, identity, bad);
}

async function openDump(
  store: Store,
  manifest: Manifest,
  identity: Secret,
  bad: (code: string, why: string) => Finding,
): Promise<Checked> {
  const { env, id } = manifest;
  try {
    const source = {
      label: `${id} in ${store.label}`,
      manifest,
      read: (name: string) => store.read(keyOf(env, id, name)),
    };
    const entries = await readContents(readPlain(source, identity));
    const data = entries.filter((entry) => / TABLE DATA /.test(entry)).length;
    const tables = manifest.tables?.length ?? 0;
    const findings =
      data < tables ? [bad('CONTENTS_SHORT', `its dump has the rows of ${data} tables, ${tables} were counted`)] : [];
    return { findings, entries: entries.length };
  } catch (error) {
    if (!(error instanceof OpsError)) throw error;
    return {
      findings: [{ level: 'error', code: error.code, message: error.message, hint: error.hint }],
      entries: undefined,
    };
  }
}

async function measure(store: Store, key: string): Promise<{ bytes: number; sha256: string } | undefined> {
  const meter = new Meter();
  try {
    for await (const chunk of await store.read(key)) meter.add(chunk);
    return meter.result();
  } catch (error) {
    if ((error as OpsError).code === 'BACKUP_MISSING') return undefined;
    throw error;
  }
}

/** pg_restore reads the beginning and has enough; the rest is read for its SHA-256. */
async function readContents(plain: AsyncIterable<Buffer>): Promise<string[]> {
  const child = spawn(requireTool('pg_restore'), ['--list'], { stdio: ['pipe', 'pipe', 'pipe'] });
  let [listed, said, open] = ['', '', true];
  child.stdout.on('data', (chunk) => (listed += chunk));
  child.stderr.on('data', (chunk) => (said += chunk));
  child.stdin.on('error', () => {
    open = false;
  });
  const ended = new Promise<number | null>((done, fail) => child.once('error', fail).once('close', done));
  ended.catch(() => {});
  try {
    for await (const chunk of plain)
      if (open && !child.stdin.write(chunk))
        await Promise.race([
          new Promise((done) => child.stdin.once('drain', done)),
          ended,
          new Promise((done) => child.stdin.once('error', done)),
        ]);
  } finally {
    child.stdin.end();
  }
  if ((await ended) !== 0)
    throw new OpsError({
      code: 'CONTENTS_UNREADABLE',
      message: `pg_restore cannot list the dump: ${said.trim().split('\n').at(-1)}.`,
    });
  return listed.split('\n').filter((line) => line && !line.startsWith(';'));
}
