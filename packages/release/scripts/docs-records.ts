#!/usr/bin/env node
import { command, defineChangeTask, defineStep, type Finding, flag, main, OpsError, writeDurably } from '@drydock/kit';
import { type Collected, collect } from '../src/documents/collect.ts';

const task = defineChangeTask({
  name: 'docs:records',
  summary:
    'Writes releases, drills and rotations from the databases of the environments into the documents that the runbook names.',
  description:
    'What the toolkit records lies in the database of its environment, and makes no checkout dirty. This writes it down for a person, or CI, to\n' +
    'commit: a page for each version (release.documents.releases), the drills (backups.drillLog), the rotations (release.documents.rotations).\n' +
    'Rows are added and never taken away; of an environment that cannot be asked what stands there stays.',
  examples: ['npm run docs:records', 'npm run docs:records -- --check'],
  perEnvironment: false,
  flags: { check: flag.boolean({ about: 'write nothing; exit 3 if a document is behind' }) },
  lock: 'checkout',
  restartable: true,
  look: (ctx) => (ctx.flags.check ? check(collect(ctx)) : undefined),
  async plan(ctx) {
    const collected = await collect(ctx);
    const [first] = collected.unseen;
    if (first && collected.asked.length === 0)
      throw new OpsError({
        code: 'RECORDS_UNSEEN',
        message: `No environment could be asked. ${first.env}: ${first.why}`,
      });
    return collected;
  },
  describe: ({ files }) => files.map(({ path }) => `write ${path}`),
  steps: ({ config }, { files }) =>
    files.length === 0
      ? []
      : [
          defineStep({
            name: 'write the documents',
            async run() {
              // Of the repository: read by others too.
              for (const { path, text } of files) writeDurably(config.path(path), text, 0o644);
              return files.map(({ path }) => path);
            },
          }),
        ],
  outcome: (_, { files, asked, unseen }) => ({
    verdict:
      files.length === 0
        ? `The documents say all that ${names(asked)} knows.`
        : `${files.length === 1 ? 'One document is' : `${files.length} documents are`} written: ${files.map(({ path }) => path).join(', ')}.`,
    data: { written: files.map(({ path }) => path), asked, unseen },
    findings: unseen.map(unseenFinding),
  }),
});

async function check(collected: Promise<Collected>) {
  const { files, asked, unseen } = await collected;
  return {
    verdict: files.length === 0 ? `The documents say all that ${names(asked)} knows.` : 'The documents are behind.',
    data: { behind: files.map(({ path }) => path), asked, unseen },
    findings: [
      ...files.map(
        ({ path }): Finding => ({ level: 'error', code: 'DOCUMENT_BEHIND', message: `${path} is behind the records.` }),
      ),
      ...unseen.map(unseenFinding),
    ],
    ...(files.length > 0 ? { next: command('docs:records') } : {}),
  };
}

function names(asked: string[]): string {
  return asked.length === 0 ? 'no environment' : asked.join(', ');
}

function unseenFinding({ env, why }: { env: string; why: string }): Finding {
  return {
    level: 'warn',
    code: 'RECORDS_UNSEEN',
    message: `What ${env} has recorded is not known, and stays as it stands: ${why}`,
  };
}

export default task;
await main(task, import.meta);
