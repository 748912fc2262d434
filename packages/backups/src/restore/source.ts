import { createReadStream, existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Readable as ByteStream } from 'node:stream';
import {
  command,
  type Environment,
  EXIT,
  hint,
  type LoadedConfig,
  OpsError,
  type TaskContext,
  temporaryFolder,
  usageError,
} from '@drydock/kit';
import { type Listed, listBackups, markName } from '../catalogue.ts';
import { backupsSection } from '../config/backups.ts';
import { type Manifest, readManifest } from '../manifest.ts';
import { DUMP, MANIFEST, type Shelf } from '../names.ts';
import { notes } from '../notes.ts';
import { isAhead, openBackup, type Readable } from '../reader.ts';
import { openStores } from '../store/open.ts';
import type { Store } from '../store/types.ts';
import { against, believed, forged, type Note, nobodyPinned, signersOf, unsignedBecause, untrusted } from '../trust.ts';

/** A finished backup, wherever it lies. */
export interface BackupSource {
  /** For people: its id and store, or the file. */
  label: string;
  /** Undefined for a bare file: then nothing can be compared. */
  manifest: Manifest | undefined;
  /** SHA-256 of the manifest's text: which backup this is, for good. */
  digest: string | undefined;
  read(name: string): Promise<ByteStream>;
}

export interface Found {
  source: BackupSource;
  /** What was passed over, and who stands for what was found. */
  findings: Note[];
  /** What speaks against it, where `--trust` let it in. */
  trusted: string | undefined;
}

export type Where = { config: LoadedConfig; environment: Environment };

/** What `--from` names: `latest`, an id, either of another environment (`production/latest`), or a path. */
export function openSource(
  ctx: Pick<TaskContext, 'config' | 'env' | 'environmentOf'>,
  from: string,
  trust?: string,
): Promise<Found> {
  // It is held there while it is looked at.
  temporaryFolder();
  const [first = '', ...rest] = from.split('/');
  const other = first in ctx.config.environments && rest.length === 1;
  const environment = ctx.environmentOf(other ? first : ctx.env);
  return findBackup({ config: ctx.config, environment }, other ? (rest[0] ?? '') : from, trust);
}

/** Nothing of a backup is opened that nobody stands for: a signer of the config, without those the log, or `--trust` with its reason. */
export async function findBackup(where: Where, from: string, trust?: string): Promise<Found> {
  const found = await (from !== 'latest' && existsSync(from) ? fromPath(where, from) : fromStores(where, from, trust));
  const why = await against(where, found.readable);
  if (why !== undefined && trust === undefined) throw untrusted(found.source.label, why, where.environment.name);
  const unsigned = backupsSection.of(where.config).signers.length === 0 ? [nobodyPinned(where.environment.name)] : [];
  const said = why === undefined ? unsigned : [believed(found.source.label, why, trust ?? '')];
  return { source: found.source, findings: [...found.findings, ...said], trusted: why };
}

type Candidate = { source: BackupSource; readable: Readable | undefined; findings: Note[] };
type Copy = { store: Store; listed: Listed };

/** Backups of an id may lie in several stores; one that is whole will do. */
async function fromStores({ config, environment }: Where, from: string, trust: string | undefined): Promise<Candidate> {
  const env = environment.name;
  const shelf = { env, product: config.product };
  const { copies, away, findings } = await listEverywhere(openStores(config, environment), shelf);
  const mine = markName.owner(config.product);
  const [now, pinned] = [new Date(), signersOf(config, environment)];
  const ids = [...new Set(copies.map(({ listed }) => listed.id))].sort().reverse();
  const wanted = from === 'latest' ? ids : ids.filter((id) => id === from);
  let best: (Candidate & { readable: Readable; at: Date }) | undefined;
  for (const id of wanted) {
    const lying = copies.filter(({ listed }) => listed.id === id);
    const listed = lying[0]?.listed;
    if (!listed || (best && best.at.getTime() - listed.at.getTime() > RESUMED_WITHIN_MS)) break;
    if (best && listed.owner !== undefined) continue;
    if (from === 'latest' && isAhead(listed, now)) {
      if (lying.some(({ listed: { owner } }) => owner === undefined || owner === mine)) findings.push(notes.ahead(id));
      continue;
    }
    const { chosen, foreign, refusals, damages } = await chooseCopy(lying, shelf, (readable) =>
      trust === undefined ? unsignedBecause(pinned, readable) : undefined,
    );
    if (!best) findings.push(...damages);
    if (!chosen) {
      if (foreign && from !== 'latest') throw ofAnother(foreign, config.product);
      // What is dated later than a good one stands in its way; what is older does not matter any more.
      if (refusals[0] && !best) throw refusals[0];
      continue;
    }
    if (!best || chosen.readable.manifest.startedAt > best.readable.manifest.startedAt)
      best = { ...chosen, findings, at: listed.at };
    if (from !== 'latest') break;
  }
  if (best) return best;
  if (away) throw away;
  const passed = findings[0];
  throw usageError(
    'BACKUP_UNKNOWN',
    `${env} has no ${from === 'latest' ? 'backup that is whole and of the past' : `backup ${from}`}${passed ? `: ${passed.message}` : '.'}`,
    command('backup:list', { env }),
  );
}

/** A run of an earlier version that was resumed dumped later than its name says: of those begun so close the later snapshot counts. */
const RESUMED_WITHIN_MS = 2 * 86_400_000;

async function listEverywhere(stores: Store[], shelf: Shelf) {
  const copies: Copy[] = [];
  const findings: Note[] = [];
  let away: unknown;
  for (const store of stores) {
    try {
      const listed = await listBackups(store, shelf);
      copies.push(...listed.filter(({ finished }) => finished).map((one) => ({ store, listed: one })));
    } catch (error) {
      // The other store may answer: that is what it is for.
      away = error;
      findings.push({
        level: 'warn',
        code: 'STORE_AWAY',
        message: `${store.label} could not be asked, and may have a newer backup: ${(error as Error).message}`,
        hint: command('backup:status', { env: shelf.env }),
      });
    }
  }
  return { copies, away, findings };
}

/** The first copy that is good and stands; and what speaks against the others. */
async function chooseCopy(copies: Copy[], shelf: Shelf, unsigned: (readable: Readable) => string | undefined) {
  const refusals: OpsError[] = [];
  const damages: Note[] = [];
  let chosen: { source: BackupSource; readable: Readable } | undefined;
  let foreign: Manifest | undefined;
  for (const { store, listed } of copies) {
    const { id, folder } = listed;
    const label = `${id} in ${store.label}`;
    const opened = await openBackup(store, shelf, id, folder);
    if (opened.state === 'foreign') foreign = opened.manifest;
    if (opened.state === 'damaged') damages.push(notes.damaged(label, opened.why, shelf.env));
    if (opened.state === 'forged') refusals.push(forged(label, opened.why, shelf.env));
    if (opened.state !== 'good') continue;
    const why = unsigned(opened);
    if (why !== undefined) refusals.push(untrusted(label, why, shelf.env));
    else {
      const read = (name: string) => store.read(`${folder}/${name}`);
      chosen ??= { source: { label, manifest: opened.manifest, digest: opened.digest, read }, readable: opened };
    }
  }
  const refused: Note[] = chosen
    ? refusals.map(({ code, message, hint }) => ({ level: 'warn', code, message, hint }))
    : [];
  return { chosen, foreign, refusals, damages: [...damages, ...refused] };
}

function ofAnother({ id, env, product }: Manifest, ours: string): OpsError {
  return new OpsError({
    code: 'FOREIGN_BACKUP',
    message: `${id} is of ${product} ${env}, not of ${ours}.`,
    hint: 'Copy its folder out of the store, and give its path to --from, with --foreign.',
    exit: EXIT.refused,
  });
}

async function fromPath({ environment }: Where, path: string): Promise<Candidate> {
  const folder = statSync(path).isDirectory() ? path : dirname(path);
  const file = statSync(path).isDirectory() ? join(path, DUMP) : path;
  if (!existsSync(file))
    throw usageError('BACKUP_UNKNOWN', `${path} holds no ${DUMP}.`, 'Name the folder of a backup, or its dump.');
  const beside = join(folder, MANIFEST);
  const read = existsSync(beside) ? readManifest(readFileSync(beside, 'utf8')) : undefined;
  if (read && !read.ok)
    throw read.forged
      ? forged(path, read.why, environment.name)
      : new OpsError({
          code: 'BACKUP_DAMAGED',
          message: `${path}: ${read.why}.`,
          hint: hint`Take another backup: ${command('backup:list')}`,
        });
  const source: BackupSource = {
    label: path,
    manifest: read?.manifest,
    digest: read?.digest,
    read: async (name) => createReadStream(name === DUMP ? file : join(folder, name), { highWaterMark: 1 << 20 }),
  };
  return { source, readable: read, findings: [] };
}
