import { readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { helpText } from '@drydock/kit/cli';
import type { TaskFile } from './read.ts';
import { SECTIONS, type Section } from './sections.ts';

/** A file that lists tasks, as it has to be. */
export interface List {
  file: string;
  content: string;
}

/** Every list of tasks, written from the task files; what else stands in a file stays. */
export function listsOf(toolkit: string, tasks: TaskFile[]): List[] {
  const read = (file: string) => readFileSync(join(toolkit, file), 'utf8');
  const packages = Map.groupBy(tasks, ({ file }) => (file.startsWith('packages/') ? dirname(dirname(file)) : ''));
  packages.delete('');
  return [
    { file: 'tasks.json', content: json(tasks.map(({ task: _, ...wired }) => wired)) },
    { file: 'package.json', content: withScripts(read('package.json'), tasks, rootScript) },
    ...[...packages].map(([folder, own]) => {
      const file = `${folder}/package.json`;
      return { file, content: withScripts(read(file), own, (task) => `node ${relative(folder, task.file)}`) };
    }),
    { file: 'turbo.json', content: withTurbo(read('turbo.json'), tasks) },
    { file: 'README.md', content: withTable(read('README.md'), tasks) },
    { file: 'docs/COMMANDS.md', content: commands(tasks) },
  ];
}

const json = (data: unknown) => `${JSON.stringify(data, null, 2)}\n`;
const rootScript = ({ file }: TaskFile) => `exec node --require ./scripts/first.cjs ${file}`;

interface Manifest {
  scripts?: Record<string, string>;
}

/** A script that starts a task's file is a task's; all others are left as they are, and come first. */
function withScripts(text: string, tasks: TaskFile[], script: (task: TaskFile) => string): string {
  const manifest = JSON.parse(text) as Manifest;
  const isTask = (line: string) =>
    /^(exec )?node (--(?:import|require) \S+ )?(packages\/[\w-]+\/)?scripts\/[\w-]+\.ts$/.test(line);
  const others = Object.entries(manifest.scripts ?? {}).filter(([name, line]) => !isTask(line) || KEPT.has(name));
  const wired = tasks.filter(({ name }) => !BOOTSTRAPPED.has(name));
  const scripts = Object.fromEntries([...others, ...wired.map((task) => [task.name, script(task)])]);
  return json({ ...manifest, scripts });
}

/** A part of a task for turbo, and the runbook's own name of release:build; and what sets the machine up first, for which see bootstrap.mjs. */
const KEPT = new Set(['check:tests', 'build']);
const BOOTSTRAPPED = new Set(['start']);

/** What turbo knows besides tasks, which it never caches. */
const CHECKS = ['generate', 'typecheck', 'lint', 'deadcode', 'arrows', 'check:tests'].map((name) => `//#${name}`);

function withTurbo(text: string, tasks: TaskFile[]): string {
  const turbo = JSON.parse(text) as { tasks: Record<string, unknown> };
  const others = Object.entries(turbo.tasks).filter(([name]) => CHECKS.includes(name));
  const wired = tasks.map(({ name, file }) => [
    // A task of the root alone; those of packages are theirs.
    file.startsWith('packages/') ? name : `//#${name}`,
    { cache: false, passThroughEnv: ['*'] },
  ]);
  return json({ ...turbo, tasks: Object.fromEntries([...others, ...wired]) });
}

const [BEGIN, END] = ['<!-- tasks: npm run wire -->', '<!-- end of tasks -->'];

function withTable(text: string, tasks: TaskFile[]): string {
  const [before, after] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (before < 0 || after < before) throw new Error(`README.md has no ${BEGIN} … ${END}.`);
  return `${text.slice(0, before + BEGIN.length)}\n\n${table(tasks)}\n\n${text.slice(after)}`;
}

function table(tasks: TaskFile[]): string {
  const rows = sections(tasks).map(([section, own]) => [
    section,
    own.map(({ name }) => `\`${name}\``).join(', '),
    SECTIONS[section],
  ]);
  const all = [['runbook', 'task', ''], ...rows];
  const wide = [0, 1, 2].map((i) => Math.max(...all.map((row) => [...(row[i] ?? '')].length)));
  const line = (row: string[]) => `| ${row.map((cell, i) => cell.padEnd(wide[i] ?? 0)).join(' | ')} |`;
  return [line(all[0] ?? []), line(wide.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}

function commands(tasks: TaskFile[]): string {
  const parts = sections(tasks).map(([section, own]) =>
    [`## ${section}`, ...own.map(({ name, task }) => `### ${name}\n\n\`\`\`text\n${helpText(task)}\n\`\`\``)].join(
      '\n\n',
    ),
  );
  return `# Commands\n\nEvery task with its \`--help\`. Written by \`npm run wire\` from the task files.\n\n${parts.join('\n\n')}\n`;
}

function sections(tasks: TaskFile[]): [Section, TaskFile[]][] {
  return [...Map.groupBy(tasks, ({ section }) => section as Section)];
}
