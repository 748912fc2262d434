#!/usr/bin/env node
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { command, counted, defineReadTask, exec, flag, main } from '@drydock/kit';
import { TOOLKIT } from '@drydock/kit/cli';
import { staleLists } from '../src/wire/stale.ts';

const task = defineReadTask({
  name: 'wire',
  summary: 'Writes what follows from the task files and the sections of the config: lists, npm scripts, docs.',
  description:
    'npm scripts, turbo.json, tasks.json, README and docs/COMMANDS.md from the tasks; sections.json and docs/CONFIG.md from the config. Of the\n' +
    'checkout that it is started from; nothing else is changed. With --check it writes nothing; exit 3 if a list is stale.',
  examples: ['npm run wire', 'npm run wire -- --check'],
  perEnvironment: false,
  flags: { check: flag.boolean({ about: 'only say which lists are stale' }) },
  async run({ flags, out }) {
    const stale = await staleLists(TOOLKIT);
    for (const { file, content } of stale) {
      if (!flags.check) writeFileSync(join(TOOLKIT, file), content);
      out.line(`${flags.check ? 'stale' : 'written'}: ${file}`);
    }
    const files = stale.map(({ file }) => file);
    if (files.length > 0 && !flags.check) await exec('biome', ['format', '--write', ...files], { cwd: TOOLKIT });
    return {
      verdict:
        stale.length === 0
          ? 'Every list is as the task files and the sections have it.'
          : `${counted(stale.length, 'list is', 'lists are')} ${flags.check ? 'stale' : 'written'}.`,
      ok: !flags.check || stale.length === 0,
      data: { files },
      ...(flags.check && stale.length > 0 ? { next: command('wire') } : {}),
    };
  },
});

export default task;
await main(task, import.meta);
