import { defineStep, OpsError, type Step, type StepContext } from '@drydock/kit';
import { markName } from './catalogue.ts';
import { dumpEverything } from './dump/everything.ts';
import type { Streamed } from './dump/stream.ts';
import { type Manifest, readManifest, writeManifest } from './manifest.ts';
import { compact, DUMP, GLOBALS, keyOf, MANIFEST } from './names.ts';
import type { Store } from './store/types.ts';
import type { BackupTarget } from './target.ts';

/** One backup as one journalled step. `id` is chosen before, so that a resumed run finds what it finished. */
export function backupStep(target: BackupTarget, id: string): Step<Manifest> {
  return defineStep<Manifest>({
    name: 'backup',
    async check() {
      const found = await Promise.all(target.stores.map((store) => readFinished(store, target.env, id)));
      return found.every((manifest) => manifest !== undefined) ? found[0] : undefined;
    },
    async run(ctx) {
      const finished = await findFinished(target, id);
      if (finished) return copyToOthers(target, id, { ...finished, signal: ctx.signal });
      return makeBackup(target, id, ctx);
    },
    async verify(_, { objects }) {
      for (const store of target.stores) {
        const stored = await store.list(keyOf(target.env, id, ''));
        for (const { name, bytes } of objects) {
          const found = stored.find(({ key }) => key === keyOf(target.env, id, name));
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

async function makeBackup(target: BackupTarget, id: string, { run, signal, detail }: StepContext): Promise<Manifest> {
  const { env, stores, recipients, lockDays } = target;
  const startedAt = new Date();
  const retainUntil = lockDays > 0 ? new Date(startedAt.getTime() + lockDays * 86_400_000) : undefined;
  await discard(target, id);
  try {
    const read = await dumpEverything(target, id, { signal, retainUntil, say: detail });
    const { facts, dump, globals, sums } = read;
    const { tableBytes: _, ...known } = facts;
    const manifest: Manifest = {
      format: 1,
      id,
      env,
      product: target.product,
      ...known,
      run,
      actor: target.actor,
      reason: target.reason ?? null,
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
    };
    const failed = [...dump.failed, ...globals.failed];
    const complete = without(stores, failed);
    for (const store of complete) await finish(store, manifest, { signal, retainUntil });
    refusePartial(complete, failed, run);
    return manifest;
  } catch (error) {
    await discard(target, id);
    throw error;
  }
}

/** The mark before the manifest: a backup that counts is never without it. */
async function finish(
  store: Store,
  manifest: Manifest,
  options: { signal: AbortSignal; retainUntil: Date | undefined },
): Promise<void> {
  const key = (name: string) => keyOf(manifest.env, manifest.id, name);
  if (options.retainUntil) await store.write(key(markName.locked(compact(options.retainUntil))), bytesOf(''), options);
  await store.write(key(MANIFEST), bytesOf(writeManifest(manifest)), options);
}

/** Elsewhere it is whole and stays; that it is not everywhere is a failure all the same. */
function refusePartial(complete: Store[], failed: Streamed['failed'], run: string): void {
  const [first] = failed;
  if (!first) return;
  throw new OpsError({
    code: 'STORE_BEHIND',
    message: `The backup is in ${complete.map(({ label }) => label).join(', ')}, and not in ${first.store.label}: ${first.error.message}`,
    hint: `Mend the store, then copy it there: npm run db:backup -- --resume ${run}   (with the same --env)`,
    cause: first.error,
  });
}

async function findFinished(
  target: BackupTarget,
  id: string,
): Promise<{ store: Store; manifest: Manifest } | undefined> {
  for (const store of target.stores) {
    const manifest = await readFinished(store, target.env, id);
    if (manifest) return { store, manifest };
  }
  return undefined;
}

/** From the store that has it to those that have not: no second dump, and the same bytes everywhere. */
async function copyToOthers(
  target: BackupTarget,
  id: string,
  { store: from, manifest, signal }: { store: Store; manifest: Manifest; signal: AbortSignal },
): Promise<Manifest> {
  const retainUntil =
    target.lockDays > 0 ? new Date(Date.parse(manifest.startedAt) + target.lockDays * 86_400_000) : undefined;
  for (const store of target.stores) {
    if (await readFinished(store, target.env, id)) continue;
    for (const { name } of manifest.objects) {
      const key = keyOf(target.env, id, name);
      await store.write(key, await from.read(key), { signal, retainUntil });
    }
    await finish(store, manifest, { signal, retainUntil });
  }
  return manifest;
}

export async function readFinished(store: Store, env: string, id: string): Promise<Manifest | undefined> {
  const text = await store.readText(keyOf(env, id, MANIFEST));
  const read = text === undefined ? undefined : readManifest(text);
  return read?.ok ? read.manifest : undefined;
}

/** Removes what a failed attempt left; never what is finished. A store that is away keeps its leftovers for prune. */
async function discard({ stores, env }: Pick<BackupTarget, 'stores' | 'env'>, id: string): Promise<void> {
  for (const store of stores) {
    try {
      const left = await store.list(keyOf(env, id, ''));
      if (left.some(({ key }) => key.endsWith(`/${MANIFEST}`))) continue;
      await store.remove(left.map(({ key }) => key));
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
