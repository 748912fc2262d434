import { defineReadTask, type Finding, flag } from '@drydock/kit';
import { listBackups } from '../catalogue.ts';
import { openStores } from '../store/open.ts';
import { checkBackup } from '../verify/check.ts';

export const verifyTask = defineReadTask({
  name: 'backup:verify',
  summary: 'Checks backups bit by bit without restoring them.',
  description:
    'The manifest to the letter, the SHA-256 of everything stored, and where BACKUP_IDENTITY is at hand also the dump in the clear and\n' +
    'its table of contents. Of every store. Without --id the newest; --all takes time. Exit 3 if a bit is not what was written.',
  examples: ['npm run backup:verify -- --env production', 'npm run backup:verify -- --env production --all'],
  flags: {
    id: flag.text({ value: 'ID', about: 'this backup; default: the newest' }),
    all: flag.boolean({ about: 'every backup' }),
  },
  async run({ config, environment, env, flags, out }) {
    const identity = environment.has(config.backups.identity) ? environment.secret(config.backups.identity) : undefined;
    const findings: Finding[] = [];
    const checked: { id: string; store: string; entries: number | null; ok: boolean }[] = [];
    for (const store of openStores(config, environment)) {
      const finished = (await listBackups(store, env)).filter((backup) => backup.finished);
      const wanted = flags.all ? finished : finished.filter(({ id }, at) => (flags.id ? id === flags.id : at === 0));
      if (wanted.length === 0)
        findings.push({
          level: 'error',
          code: 'BACKUP_MISSING',
          message: flags.id
            ? `${store.label} has no backup ${flags.id} of ${env}.`
            : `${store.label} has no backup of ${env}.`,
          hint: `npm run backup:list -- --env ${env}`,
        });
      for (const { id } of wanted) {
        const progress = out.progress(`${id} in ${store.label}`);
        const { findings: found, entries } = await checkBackup(store, env, id, identity);
        findings.push(...found);
        checked.push({ id, store: store.label, entries: entries ?? null, ok: found.length === 0 });
        if (found.length === 0) progress.done();
        else progress.fail();
      }
    }
    const bad = new Set(findings.map(({ message }) => message)).size;
    return {
      verdict:
        bad > 0
          ? `${bad} things are not what was written.`
          : `${checked.length} ${checked.length === 1 ? 'backup is' : 'backups are'} what was written${identity ? ', and can be opened' : `; without ${config.backups.identity} they were not opened`}.`,
      data: { checked, opened: identity !== undefined },
      findings,
    };
  },
});
