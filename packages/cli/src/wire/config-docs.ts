import { type AnySection, coreExample, coreSchema } from '@drydock/kit/config';
import { type Key, keysOf, shown } from './config-keys.ts';

interface Part {
  file: string;
  about: string;
  keys: Key[];
  example: string;
}

/** docs/CONFIG.md, from the schemas. */
export function configPage(defined: { file: string; section: AnySection }[]): string {
  const sections = Map.groupBy(defined, ({ section }) => section.key);
  const core = part({
    file: 'packages/kit/src/config/schema.ts',
    about: "What is not a section of a package's.",
    keys: keysOf(coreSchema, coreExample),
    example: coreExample,
  });
  const parts = [...sections].map(([key, ofIt]) =>
    [
      `## ${key}`,
      ...ofIt.map(({ file, section: { about, schema, example } }) =>
        part({ file, about, keys: keysOf(schema, example), example: { [key]: example } }),
      ),
    ].join('\n\n'),
  );
  return `${[INTRO, '## Above the sections', core, ...parts].join('\n\n')}\n`;
}

const INTRO = `# drydock.config.ts

Every key: its type, what it is where nothing is said, what it means, and an example. Written by \`npm run wire\` from the schemas, each of which stands
beside the code that reads it. \`NAME\` stands for a name of your own, \`[]\` for each of a list. A key that is not here is refused, by its path.`;

function part({ file, about, keys, example }: Omit<Part, 'example'> & { example: object }): string {
  return [`${about} (${owner(file)})`, table(keys), `\`\`\`json5\n${code(example)}\n\`\`\``].join('\n\n');
}

/** `packages/db/src/config.ts` → `packages/db` */
function owner(file: string): string {
  return `[${file.split('/').slice(0, 2).join('/')}](../${file})`;
}

function table(keys: Key[]): string {
  const rows = [
    ['key', 'type', 'default', 'what it means', 'example'],
    ...keys.map(({ path, type, fallback, inWords, about, example }) => [
      verbatim(path),
      verbatim(type),
      inWords ? fallback : verbatim(fallback),
      about,
      verbatim(example),
    ]),
  ].map((row) => row.map((cell) => cell.replaceAll('|', '\\|')));
  const wide = [0, 1, 2, 3, 4].map((i) => Math.max(...rows.map((row) => [...(row[i] ?? '')].length)));
  const line = (row: string[]) => `| ${row.map((cell, i) => cell.padEnd(wide[i] ?? 0)).join(' | ')} |`;
  return [line(rows[0] ?? []), line(wide.map((width) => '-'.repeat(width))), ...rows.slice(1).map(line)].join('\n');
}

const verbatim = (text: string) => (text === '' ? '' : `\`${text}\``);

/** Long objects a key a line. */
function code(value: unknown, indent = ''): string {
  const flat = shown(value);
  if (flat.length + indent.length <= 100 || typeof value !== 'object' || value === null) return flat;
  const inner = `${indent}  `;
  const entries = Array.isArray(value)
    ? value.map((one) => `${inner}${code(one, inner)},`)
    : Object.entries(value).map(
        ([name, one]) => `${inner}${/^\w+$/.test(name) ? name : `'${name}'`}: ${code(one, inner)},`,
      );
  const [open, close] = Array.isArray(value) ? '[]' : '{}';
  return [open, ...entries, `${indent}${close}`].join('\n');
}
