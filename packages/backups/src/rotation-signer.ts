import type { Secret } from '@drydock/kit';
import { backupStep } from './backup.ts';
import { listOwn, openAll } from './reader.ts';
import { type Context, keptSecondsOf, stepContextOf } from './rotation.ts';
import { makeSigningKey, openSigner } from './signature.ts';
import { openStores } from './store/open.ts';
import { backupTarget } from './target.ts';
import { signersOf, unsignedBecause } from './trust.ts';
import { checkBackup } from './verify/check.ts';

/** What the rotation of the key that signs backups needs of them. Nothing is read or made before it is asked for. */
export function signingDoor(ctx: Context) {
  const { config, env, environment } = ctx;
  const shelf = { env, product: config.product };
  return {
    keptSeconds: keptSecondsOf(config),
    newKey: makeSigningKey,
    keyOf: (signing: Secret) => openSigner(signing).key,
    believed: () => signersOf(config, environment).map(({ key, variable }) => ({ key, variable })),
    /** Every good one, whoever signed it, in every store, newest first. */
    async list() {
      const found = await Promise.all(
        openStores(config, environment).map(async (store) => {
          const listed = (await listOwn(store, shelf)).filter(({ finished }) => finished);
          return (await openAll(store, shelf, listed)).flatMap(({ id, at, opened }) =>
            opened.state === 'good' ? [{ id, at, store: store.label, signedBy: opened.signedBy }] : [],
          );
        }),
      );
      return found.flat().sort((a, b) => b.at.getTime() - a.at.getTime());
    },
    async make(signing: Secret) {
      const step = backupStep({ ...backupTarget(ctx), signer: openSigner(signing) });
      const stepContext = stepContextOf(ctx);
      const manifest = await step.run(stepContext);
      await step.verify?.(stepContext, manifest);
      return manifest.id;
    },
    async verify(id: string) {
      for (const store of openStores(config, environment)) {
        const { findings } = await checkBackup(store, shelf, id, {
          identity: undefined,
          against: async (opened) => unsignedBecause(signersOf(config, environment), opened),
        });
        const [bad] = findings.filter(({ level }) => level === 'error');
        if (bad) return bad.message.replace(/\.$/, '');
      }
      return undefined;
    },
  };
}
