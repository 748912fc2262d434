import { counted, type Finding, OpsError, type Secret } from '@drydock/kit';
import { isMark } from '../catalogue.ts';
import { spool } from '../crypt/spool.ts';
import { Meter } from '../dump/stream.ts';
import type { Manifest } from '../manifest.ts';
import { DUMP, MANIFEST } from '../names.ts';
import { openBackup, type Readable, type Shelf } from '../reader.ts';
import { runPgRestore } from '../restore/pg-restore.ts';
import { openSpooled } from '../restore/plain.ts';
import type { Store } from '../store/types.ts';
import { believed, untrusted } from '../trust.ts';

export interface Checked {
  findings: Finding[];
  /** Entries of the dump's table of contents; undefined without a key. */
  entries: number | undefined;
}

export interface CheckOptions {
  /** Without it nothing is opened. */
  identity: Secret | undefined;
  /** Why nobody stands for it; undefined where somebody does. */
  against(opened: Readable): Promise<string | undefined>;
  /** Reason for opening it all the same. */
  trust?: string | undefined;
  /** The config pins no signers: that nobody stands for it is told, and is not the answer no. */
  lenient?: boolean;
}

/**
 * Whether a backup is what was written, without restoring it: the manifest to the letter and who stands for it, every
 * object's SHA-256, nothing beside them, and with the private key the dump in the clear and its table of contents.
 */
export async function checkBackup(
  store: Store,
  shelf: Shelf,
  id: string,
  { identity, against, trust, lenient = false }: CheckOptions,
): Promise<Checked> {
  const label = `${id} in ${store.label}`;
  const bad = (code: string, why: string): Finding => ({
    level: 'error',
    code,
    message: `${label}: ${why}.`,
    hint: 'Take the same from another store, or another backup; find out what changed the bytes.',
  });
  const opened = await openBackup(store, shelf, id);
  const none = (finding: Finding): Checked => ({ findings: [finding], entries: undefined });
  if (opened.state === 'missing') return none(bad('MANIFEST_DAMAGED', 'it has no manifest'));
  if (opened.state === 'damaged') return none(bad('MANIFEST_DAMAGED', opened.why));
  if (opened.state === 'forged') return none(bad('BACKUP_FORGED', opened.why));
  if (opened.state === 'foreign') return none(bad('FOREIGN_BACKUP', `it is of ${opened.manifest.product}`));
  const { manifest } = opened;
  const why = await against(opened);
  const findings: Finding[] = [];
  if (why !== undefined && trust !== undefined) findings.push(believed(label, why, trust));
  else if (why !== undefined) {
    const { code, message, hint } = untrusted(label, why, shelf.env);
    findings.push({ level: lenient ? 'warn' : 'error', code, message, hint });
  }
  findings.push(...(await findExtra(store, opened.folder, manifest, bad)));
  const opens = identity !== undefined && (why === undefined || trust !== undefined);
  let entries: number | undefined;
  for (const object of manifest.objects) {
    const read = () => store.read(`${opened.folder}/${object.name}`);
    const check = (held: { bytes: number; sha256: string }) => differs(object, held, bad);
    try {
      if (object.name !== DUMP || !opens) {
        findings.push(...check(await measure(await read())));
        continue;
      }
      // What is hashed is what is opened: the store is asked once.
      const { path, remove, ...held } = await spool(await read());
      try {
        const wrong = check(held);
        findings.push(...wrong);
        if (wrong.length > 0) continue;
        const looked = await openDump(path, { label, manifest }, identity, bad);
        findings.push(...looked.findings);
        entries = looked.entries;
      } finally {
        await remove();
      }
    } catch (error) {
      if ((error as OpsError).code !== 'BACKUP_MISSING') throw error;
      findings.push(bad('OBJECT_MISSING', `${object.name} is not there`));
    }
  }
  return { findings, entries };
}

/** What lies there and is neither an object of the manifest nor a mark, somebody put there. */
async function findExtra(
  store: Store,
  folder: string,
  { objects }: Manifest,
  bad: (code: string, why: string) => Finding,
): Promise<Finding[]> {
  const known = new Set([MANIFEST, ...objects.map(({ name }) => name)]);
  const names = (await store.list(`${folder}/`)).map(({ key }) => key.slice(folder.length + 1));
  return names
    .filter((name) => !known.has(name) && !isMark(name))
    .map((name) => bad('OBJECT_UNKNOWN', `${JSON.stringify(name)} lies there, and is none of its objects`));
}

function differs(
  { name, bytes, sha256 }: Manifest['objects'][number],
  held: { bytes: number; sha256: string },
  bad: (code: string, why: string) => Finding,
): Finding[] {
  if (held.bytes !== bytes)
    return [bad('OBJECT_DAMAGED', `${name} has ${counted(held.bytes, 'byte')}, ${bytes} were written`)];
  if (held.sha256 === sha256) return [];
  return [bad('OBJECT_DAMAGED', `${name} has another SHA-256 than what was written`)];
}

async function openDump(
  path: string,
  source: { label: string; manifest: Manifest },
  identity: Secret,
  bad: (code: string, why: string) => Finding,
): Promise<Checked> {
  try {
    const entries = await readContents(openSpooled(source, path, identity));
    const data = entries.filter((entry) => / TABLE DATA /.test(entry)).length;
    const tables = source.manifest.tables?.length ?? 0;
    const findings =
      data < tables
        ? [bad('CONTENTS_SHORT', `its dump has the rows of ${counted(data, 'table')}, ${tables} were counted`)]
        : [];
    return { findings, entries: entries.length };
  } catch (error) {
    if (!(error instanceof OpsError)) throw error;
    return {
      findings: [{ level: 'error', code: error.code, message: error.message, hint: error.hint }],
      entries: undefined,
    };
  }
}

async function measure(stored: AsyncIterable<Uint8Array>): Promise<{ bytes: number; sha256: string }> {
  const meter = new Meter();
  for await (const chunk of stored) meter.add(chunk);
  return meter.result();
}

/** pg_restore reads the beginning and has enough; the rest is read as well, for what age and zstd say of it. */
async function readContents(plain: AsyncIterable<Buffer>): Promise<string[]> {
  const pieces = plain[Symbol.asyncIterator]();
  // Without a way to end it early.
  const input = { [Symbol.asyncIterator]: () => ({ next: () => pieces.next() }) };
  let listed = '';
  try {
    const onOutput = (chunk: Buffer) => {
      listed += chunk;
    };
    const { code, said } = await runPgRestore(['--list'], { input, onOutput });
    while (!(await pieces.next()).done);
    if (code !== 0)
      throw new OpsError({
        code: 'CONTENTS_UNREADABLE',
        message: `pg_restore cannot list the dump: ${said.trim().split('\n').at(-1)}.`,
      });
  } finally {
    await pieces.return?.();
  }
  return listed.split('\n').filter((line) => line && !line.startsWith(';'));
}
