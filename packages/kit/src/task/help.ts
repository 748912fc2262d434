import { flagsOf, kebab } from './args.ts';
import { DOOR, type Door, doorTo } from './typed.ts';
import type { AnyTask } from './types.ts';
import { readWired } from './wired.ts';

/** The text of `--help`. */
export function helpText(task: AnyTask, door: Door = DOOR, prefix?: string): string {
  const rows = Object.entries(flagsOf(task)).map(([key, spec]) => {
    const value = spec.type === 'string' ? ` ${spec.value ?? 'TEXT'}` : '';
    const notes = [spec.required ? 'required' : '', spec.multiple ? 'repeatable' : ''].filter(Boolean).join(', ');
    return [`  --${kebab(key)}${value}`, notes ? `${spec.about} (${notes})` : spec.about] as const;
  });
  const wide = Math.max(...rows.map(([left]) => left.length));
  const { words } = task;
  const sections = [
    `${doorTo(task.name, door, prefix)} [flags]${words ? ` [${words.value}…]` : ''}`,
    '',
    task.summary,
    ...(task.description ? ['', task.description.trim()] : []),
    '',
    ...(words ? [`${words.value}  ${words.about}`, ''] : []),
    'Flags',
    ...rows.map(([left, right]) => `${left.padEnd(wide)}  ${right}`),
    ...(task.examples?.length ? ['', 'Examples', ...task.examples.map((example) => `  ${example}`)] : []),
    '',
    'Exit codes: 0 done or yes, 1 failed, 2 usage, 3 the answer is no, 4 refused by a guard, 5 locked, 130 interrupted',
  ];
  return byDoor(sections.join('\n'), door, prefix);
}

/** The runbook's own names, which are scripts of the checkout alone. */
const ALSO: Record<string, string> = { build: 'release:build' };

/** Help is written as a checkout has it: `npm run TASK -- …`. */
function byDoor(text: string, door: Door, prefix: string | undefined): string {
  if (door === 'npm' && prefix === undefined) return text;
  const names = [...readWired().map(({ name }) => name), ...Object.keys(ALSO)].join('|');
  const called = new RegExp(
    `\\b(?:npm (?:run )?(?:-s )?|node scripts/)(${names})(?:\\.ts)?(?![\\w:-])(?: --(?= ))?`,
    'g',
  );
  return text.replaceAll(called, (match, name: string) => {
    const line = doorTo(ALSO[name] ?? name, door, prefix);
    return match.endsWith(' --') ? line : line.replace(/ --$/, '');
  });
}
