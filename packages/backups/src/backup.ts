import { command, defineStep, hint, type Json, OpsError, redact, type Step, type StepContext } from '@drydock/kit';
import { listBackups, markName, noBytes } from './catalogue.ts';
import { dumpEverything } from './dump/everything.ts';
import { Meter, type Streamed } from './dump/stream.ts';
import { digestOf, type Manifest, writeManifest } from './manifest.ts';
import { compact, DUMP, foldersOf, GLOBALS, isOfRun, keyOf, MANIFEST, newBackupId } from './names.ts';
import { openBackup, type Readable } from './reader.ts';
import { damaged } from './restore/plain.ts';
import type { Store } from './store/types.ts';
import type { BackupTarget } from './target.ts';
import { MADE } from './trust.ts';

/**
 * One backup as one journalled step. Its name is that of the moment at which its snapshot is taken: a run that is resumed
 * takes another one, unless the run before has finished its own somewhere. `clock` is for tests.
 */
export function backupStep(target: BackupTarget, clock: () => Date = () => new Date()): Step<Manifest> {
  return defineStep<Manifest>({
    name: 'backup',
    async check({ run }) {
      const finished = await findFinished(target, run);
      if (!finished || (await missingIn(target, finished.manifest.id)).length > 0) return undefined;
      return finished.manifest;
    },
    async run(ctx) {
      const finished = await findFinished(target, ctx.run);
      if (finished) return copyToOthers(target, finished, ctx);
      return makeBackup(target, newBackupId(clock(), ctx.run), ctx);
    },
    async verify(_, { id, objects }) {
      for (const store of target.stores) {
        const opened = await openBackup(store, target, id);
        const folder = opened.state === 'good' ? opened.folder : keyOf(target, id, '').slice(0, -1);
        const stored = await store.list(`${folder}/`);
        for (const { name, bytes } of objects) {
          const found = stored.find(({ key }) => key === `${folder}/${name}`);
          if (found?.bytes === bytes) continue;
          throw new OpsError({
            code: 'BACKUP_SHORT',
            message: `${store.label} has ${found?.bytes ?? 'none'} of the ${bytes} bytes of ${name}.`,
            hint: 'Look at the store, then run it again.',
          });
        }
      }
    },
  });
}

async function makeBackup(target: BackupTarget, id: string, ctx: StepContext): Promise<Manifest> {
  const { run, signal, detail } = ctx;
  const { env, stores, recipients, lockDays } = target;
  const startedAt = new Date();
  const retainUntil = lockDays > 0 ? new Date(startedAt.getTime() + lockDays * 86_400_000) : undefined;
  await discard(target, run);
  try {
    const read = await dumpEverything(target, id, { signal, retainUntil, say: detail });
    const { facts, dump, globals, sums } = read;
    const { tableBytes: _, history: __, ...known } = facts;
    const manifest: Manifest = {
      format: 3,
      id,
      env,
      product: target.product,
      ...known,
      run,
      actor: redact(target.actor),
      reason: target.reason === undefined ? null : redact(target.reason),
      startedAt: startedAt.toISOString(),
      durationMs: Date.now() - startedAt.getTime(),
      plain: dump.plain,
      objects: [
        { name: DUMP, ...dump.stored },
        { name: GLOBALS, ...globals.stored },
      ],
      dumpVersion: read.dumpVersion,
      commit: read.commit,
      recipients,
      tables: sums?.tables ?? null,
      largeObjects: sums?.largeObjects ?? null,
      sequences: read.sequences,
      migrationHead: read.migrationHead,
    };
    const failed = [...dump.failed, ...globals.failed];
    const complete = without(stores, failed);
    const text = writeManifest(manifest, target.signer);
    for (const store of complete) await finish(store, { manifest, text }, { signal, retainUntil });
    await remember(target, { manifest, text }, ctx);
    refusePartial(complete, failed, run);
    return manifest;
  } catch (error) {
    await discard(target, run);
    throw error;
  }
}

type Written = Pick<Readable, 'manifest' | 'text'>;

/** The marks before the manifest: a backup that counts is never without them. */
async function finish(
  store: Store,
  { manifest, text }: Written,
  options: { signal: AbortSignal; retainUntil: Date | undefined },
): Promise<void> {
  const key = (name: string) => keyOf(manifest, manifest.id, name);
  await store.write(key(markName.owner(manifest.product)), noBytes(), options);
  if (options.retainUntil && store.locks)
    await store.write(key(markName.locked(compact(options.retainUntil))), noBytes(), options);
  await store.write(key(MANIFEST), bytesOf(text), options);
}

/** Where the config pins no signers, the log of the environment is what tells this backup from a planted one. */
async function remember({ pinned }: BackupTarget, { manifest, text }: Written, ctx: StepContext): Promise<void> {
  if (pinned.length > 0) return;
  const metadata: { [key: string]: Json } = { backup: manifest.id, manifest: digestOf(text) };
  await ctx.audit(MADE, metadata, manifest.id);
}

/** Elsewhere it is whole and stays; that it is not everywhere is a failure all the same. */
function refusePartial(complete: Store[], failed: Streamed['failed'], run: string): void {
  const [first] = failed;
  if (!first) return;
  throw new OpsError({
    code: 'STORE_BEHIND',
    message: `The backup is in ${complete.map(({ label }) => label).join(', ')}, and not in ${first.store.label}: ${first.error.message}`,
    hint: hint`Mend the store, then copy it there: ${command('db:backup', { resume: run })}`,
    cause: first.error,
  });
}

type Finished = Readable & { store: Store; folder: string };

/**
 * What this run has finished, in the first store that has it. Only what this host would have written counts: what another wrote
 * there is not copied any further.
 */
async function findFinished(target: BackupTarget, run: string): Promise<Finished | undefined> {
  for (const store of target.stores) {
    const ended = (await listBackups(store, target)).filter(({ finished, id }) => finished && isOfRun(id, run));
    for (const { id } of ended) {
      const opened = await openBackup(store, target, id);
      if (opened.state !== 'good' || opened.manifest.run !== run) continue;
      if (!target.signer || opened.signedBy === target.signer.key) return { ...opened, store };
    }
  }
  return undefined;
}

async function missingIn(target: BackupTarget, id: string): Promise<Store[]> {
  const states = await Promise.all(target.stores.map((store) => openBackup(store, target, id)));
  return target.stores.filter((_, at) => states[at]?.state !== 'good');
}

/** From the store that has it to those that have not: no second dump, and the same bytes everywhere. */
async function copyToOthers(target: BackupTarget, finished: Finished, ctx: StepContext): Promise<Manifest> {
  const { store: from, folder, manifest } = finished;
  const { signal } = ctx;
  const retainUntil =
    target.lockDays > 0 ? new Date(Date.parse(manifest.startedAt) + target.lockDays * 86_400_000) : undefined;
  for (const store of await missingIn(target, manifest.id)) {
    for (const object of manifest.objects) {
      const key = keyOf(target, manifest.id, object.name);
      await store.write(key, asWritten(from, `${folder}/${object.name}`, object), { signal, retainUntil });
    }
    await finish(store, finished, { signal, retainUntil });
  }
  await remember(target, finished, ctx);
  return manifest;
}

/** Ends in an error where the store gives other bytes: then there is no copy either. */
async function* asWritten(from: Store, key: string, wanted: { sha256: string }): AsyncIterable<Uint8Array> {
  const meter = new Meter();
  yield* meter.pass(await from.read(key));
  if (meter.result().sha256 !== wanted.sha256)
    throw damaged({ label: `${key} in ${from.label}` }, 'it has another SHA-256 than what was written');
}

/** Removes what failed or killed attempts of the run left; never what is finished. A store that is away keeps its leftovers for prune. */
async function discard(target: Pick<BackupTarget, 'stores' | 'env' | 'product'>, run: string): Promise<void> {
  for (const store of target.stores) {
    try {
      const left = (await listBackups(store, target)).filter(({ finished, id }) => !finished && isOfRun(id, run));
      await store.remove(left.flatMap(({ keys }) => keys));
      for (const folder of foldersOf(target))
        await store.sweep(`${folder}/`, new Date(), (key) =>
          isOfRun(key.slice(folder.length + 1).split('/')[0] ?? '', run),
        );
    } catch {
      // The error that is told is the one that came first.
    }
  }
}

function without(stores: Store[], failed: Streamed['failed']): Store[] {
  return stores.filter((store) => !failed.some((one) => one.store === store));
}

async function* bytesOf(text: string): AsyncIterable<Uint8Array> {
  yield Buffer.from(text);
}
