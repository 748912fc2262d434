import { flagsOf, kebab } from './args.ts';
import { type Door, doorTo } from './typed.ts';
import type { AnyTask } from './types.ts';

/** The text of `--help`. */
export function helpText(task: AnyTask, door: Door = 'npm'): string {
  const rows = Object.entries(flagsOf(task)).map(([key, spec]) => {
    const value = spec.type === 'string' ? ` ${spec.value ?? 'TEXT'}` : '';
    const notes = [spec.required ? 'required' : '', spec.multiple ? 'repeatable' : ''].filter(Boolean).join(', ');
    return [`  --${kebab(key)}${value}`, notes ? `${spec.about} (${notes})` : spec.about] as const;
  });
  const wide = Math.max(...rows.map(([left]) => left.length));
  const { words } = task;
  const sections = [
    `${doorTo(task.name, door)} [flags]${words ? ` [${words.value}…]` : ''}`,
    '',
    task.summary,
    ...(task.description ? ['', task.description.trim()] : []),
    '',
    ...(words ? [`${words.value}  ${words.about}`, ''] : []),
    'Flags',
    ...rows.map(([left, right]) => `${left.padEnd(wide)}  ${right}`),
    ...(task.examples?.length
      ? ['', 'Examples', ...task.examples.map((example) => `  ${byDoor(task.name, example, door)}`)]
      : []),
    '',
    'Exit codes: 0 done or yes, 1 failed, 2 usage, 3 the answer is no, 4 refused by a guard, 5 locked, 130 interrupted',
  ];
  return sections.join('\n');
}

/** Examples are written as `npm run TASK -- …`. */
function byDoor(task: string, example: string, door: Door): string {
  const called = new RegExp(`\\bnpm (?:run )?(?:-s )?${task}(?: --)?(?= |$)`, 'g');
  return door === 'npm' ? example : example.replaceAll(called, doorTo(task, door));
}
