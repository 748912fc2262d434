#!/usr/bin/env node
import { command, counted, defineReadTask, type Finding, flag, main } from '@drydock/kit';
import { backupsSection } from '../src/config/backups.ts';
import { requireIdentity } from '../src/crypt/identity.ts';
import { listOwn } from '../src/reader.ts';
import { openStores } from '../src/store/open.ts';
import { against, nobodyPinned } from '../src/trust.ts';
import { checkBackup } from '../src/verify/check.ts';

const task = defineReadTask({
  name: 'backup:verify',
  summary: 'Checks backups bit by bit without restoring them.',
  description:
    'The manifest to the letter and its signature, the SHA-256 of everything stored, and where BACKUP_IDENTITY is at hand also the dump\n' +
    'in the clear and its table of contents. Of every store. Without --id the newest; --all takes time. Exit 3 if a bit is not what was\n' +
    'written, or backups.signers does not name who wrote it.',
  examples: ['npm run backup:verify -- --env production', 'npm run backup:verify -- --env production --all'],
  flags: {
    id: flag.text({ value: 'ID', about: 'this backup; default: the newest' }),
    all: flag.boolean({ about: 'every backup' }),
    trust: flag.sentence({ value: 'REASON', about: 'open those too for which no pinned signer stands' }),
  },
  async run({ config, environment, env, flags, out }) {
    const identity = environment.has(backupsSection.of(config).identity)
      ? await requireIdentity(config, environment)
      : undefined;
    const shelf = { env, product: config.product };
    const lenient = backupsSection.of(config).signers.length === 0;
    const findings: Finding[] = lenient ? [nobodyPinned(env)] : [];
    const checked: { id: string; store: string; entries: number | null; ok: boolean }[] = [];
    for (const store of openStores(config, environment)) {
      const finished = (await listOwn(store, shelf)).filter((backup) => backup.finished);
      const wanted = flags.all ? finished : finished.filter(({ id }, at) => (flags.id ? id === flags.id : at === 0));
      if (wanted.length === 0)
        findings.push({
          level: 'error',
          code: 'BACKUP_MISSING',
          message: flags.id
            ? `${store.label} has no backup ${flags.id} of ${env}.`
            : `${store.label} has no backup of ${env}.`,
          hint: command('backup:list', { env }),
        });
      for (const { id } of wanted) {
        const progress = out.progress(`${id} in ${store.label}`);
        const { findings: found, entries } = await checkBackup(store, shelf, id, {
          identity,
          against: (opened) => against({ config, environment }, opened),
          trust: flags.trust,
          lenient,
        });
        findings.push(...found);
        const ok = found.every(({ level }) => level !== 'error');
        checked.push({ id, store: store.label, entries: entries ?? null, ok });
        if (ok) progress.done();
        else progress.fail();
      }
    }
    const bad = new Set(findings.flatMap(({ level, message }) => (level === 'error' ? [message] : []))).size;
    const closed = checked.filter(({ entries }) => entries === null).length;
    const opened =
      identity === undefined
        ? `; without ${backupsSection.of(config).identity} they were not opened`
        : closed > 0
          ? `; ${closed} of them ${closed === 1 ? 'was' : 'were'} not opened: nobody stands for ${closed === 1 ? 'it' : 'them'}`
          : ', and can be opened';
    return {
      verdict:
        bad > 0
          ? `${counted(bad, 'thing is', 'things are')} not what was written.`
          : `${counted(checked.length, 'backup is', 'backups are')} what was written${opened}.`,
      data: { checked, opened: identity !== undefined },
      findings,
    };
  },
});

export default task;
await main(task, import.meta);
