#!/usr/bin/env node
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { defineReadTask, exec, flag, main } from '@drydock/kit';
import { readWired, TOOLKIT } from '@drydock/kit/cli';

const task = defineReadTask({
  name: 'pack',
  summary: 'Makes drydock-x.y.z.tgz, which installs the toolkit into a product.',
  description:
    'JavaScript built from the sources of this checkout, with every task but those of the sandbox and of the checkout itself. In the product:\n' +
    'npm install --save-dev ./drydock-x.y.z.tgz (or pnpm add -D, yarn add -D), then npx drydock help.',
  examples: ['npm run pack', 'npm run pack -- --into /srv/packages'],
  perEnvironment: false,
  withoutConfig: true,
  flags: { into: flag.text({ value: 'DIR', about: 'where it is written (default: the folder you are in)' }) },
  async run({ flags, out }) {
    const { buildPackage, tasksFor } = await import('../src/pack/build.ts');
    const into = resolve(flags.into ?? '.');
    mkdirSync(into, { recursive: true });
    const folder = mkdtempSync(join(tmpdir(), 'drydock-pack-'));
    try {
      const tasks = readWired();
      await buildPackage(TOOLKIT, tasks, folder);
      const { stdout } = await exec('npm', ['pack', folder, '--json', '--ignore-scripts', '--pack-destination', into]);
      const [made] = JSON.parse(stdout) as { filename: string; unpackedSize: number; entryCount: number }[];
      if (!made) throw new Error('npm pack names no file.');
      const file = join(into, made.filename);
      const { size } = statSync(file);
      out.line(file);
      return {
        verdict: `${made.filename}: ${tasksFor(tasks).length} tasks in ${made.entryCount} files, ${kilobytes(size)} packed, ${kilobytes(made.unpackedSize)} unpacked.`,
        data: { file, bytes: size, unpackedBytes: made.unpackedSize, files: made.entryCount },
        next: `In the product: npm install --save-dev ${file}`,
      };
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
});

function kilobytes(bytes: number): string {
  return `${Math.round(bytes / 1_000).toLocaleString('en')} kB`;
}

export default task;
await main(task, import.meta);
