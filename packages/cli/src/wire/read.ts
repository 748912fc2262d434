import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type AnyTask, flagsOf, kebab, loadTask, type WiredTask } from '@drydock/kit/cli';
import { sectionOf } from './sections.ts';

/** A task file: its task, and where it stands. */
export interface TaskFile extends WiredTask {
  task: AnyTask;
}

/** Every file of a package's scripts/, and of the toolkit's own, that is a task: it exports one and runs it when it is started. */
export async function readTaskFiles(toolkit: string): Promise<TaskFile[]> {
  const files = globSync(['packages/*/scripts/*.ts', 'scripts/*.ts'], { cwd: toolkit }).filter((file) =>
    /^await main\(\w+, import\.meta\);$/m.test(readFileSync(join(toolkit, file), 'utf8')),
  );
  const tasks = await Promise.all(files.map(async (file) => wiredOf(await loadTask({ file }, toolkit), file)));
  return tasks.sort((a, b) => a.section.localeCompare(b.section, 'en', { numeric: true }) || orderOf(a, b));
}

function orderOf(a: TaskFile, b: TaskFile): number {
  return a.name < b.name ? -1 : 1;
}

function wiredOf(task: AnyTask, file: string): TaskFile {
  const flags = Object.entries(flagsOf(task)).map(([key, spec]) => ({
    name: `--${kebab(key)}`,
    ...(spec.value?.includes('|') && /^[\w|-]+$/.test(spec.value) ? { values: spec.value.split('|') } : {}),
  }));
  return { name: task.name, file, section: sectionOf(task.name), summary: task.summary, flags, task };
}
