import { defineChangeTask, defineReadTask, type Json } from '@drydock/kit';
import type { Manifest } from './manifest.ts';
import { backupStep, backupTarget, mebibytes, newBackupId } from './steps.ts';

export const backupTask = defineChangeTask({
  name: 'db:backup',
  summary: 'Backs up the database: one snapshot, compressed and encrypted while it streams.',
  description:
    'The host needs public keys only. The artefact opens with stock tools:\n' +
    '  age -d -i key.txt database.dump.zst.age | zstd -d | pg_restore -d NEWDB',
  examples: [
    'npm run db:backup -- --env staging',
    'npm run db:backup -- --env production --yes --confirm production --reason "before the hotfix"',
  ],
  lock: 'environment',
  plan: async ({ config, environment }) => {
    backupTarget(config, environment);
    return { id: newBackupId() };
  },
  describe: ({ id }) => [`backup ${id}`],
  steps: ({ config, environment }, { id }) => [backupStep(backupTarget(config, environment), id)],
  outcome: ({ env }, { id }, results) => {
    const manifest = results.get<Manifest>('backup');
    return {
      verdict: `${env} is backed up as ${id} (${mebibytes(manifest.stored.bytes)}).`,
      data: manifest as unknown as Json,
    };
  },
});

export const listTask = defineReadTask({
  name: 'backup:list',
  summary: 'Lists the finished backups of an environment, newest first.',
  examples: ['npm run backup:list -- --env production'],
  async run({ config, environment, env, out }) {
    const manifests = await backupTarget(config, environment).store.list(env);
    if (manifests.length > 0) {
      out.table(
        ['id', 'size', 'took', 'migration'],
        manifests.map(({ id, stored, durationMs, migrationHead }) => [
          id,
          mebibytes(stored.bytes),
          `${durationMs} ms`,
          migrationHead ?? '',
        ]),
      );
    }
    return {
      verdict:
        manifests.length === 0
          ? `${env} has no backup.`
          : `${manifests.length} ${manifests.length === 1 ? 'backup' : 'backups'} of ${env}.`,
      data: { backups: manifests as unknown as Json },
      ...(manifests.length === 0 ? { next: `npm run db:backup -- --env ${env}` } : {}),
    };
  },
});

export const keygenTask = defineReadTask({
  name: 'backup:keygen',
  summary: 'Makes an age key pair for backups and prints both halves; nothing is kept.',
  description:
    'The public half goes to BACKUP_RECIPIENTS on the hosts that back up. The private half (AGE-SECRET-KEY-…) belongs in the\npassword manager of those who restore, and on no host that backs up.',
  perEnvironment: false,
  async run({ out }) {
    const { generateIdentity, identityToRecipient } = await import('age-encryption');
    const identity = await generateIdentity();
    const recipient = await identityToRecipient(identity);
    out.line(`public   ${recipient}`);
    out.line(`private  ${identity}`);
    return { verdict: 'Keep the private half away from this host.', data: { recipient } };
  },
});
