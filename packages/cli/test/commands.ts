// What of the sources is a command to type: written by the helper, or as text.
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { TOOLKIT } from '@drydock/kit/cli';
import { type Node, parseSync } from 'oxc-parser';

export interface Place {
  file: string;
  line: number;
}

/** `command('db:deploy', { env, plan: true })`: a flag's value is undefined where it is known only when it runs. */
export interface Call extends Place {
  task: string;
  flags: Record<string, string | number | boolean | undefined>;
}

export interface Seen {
  calls: Call[];
  /** Commands that stand in a text. */
  texts: (Place & { text: string })[];
  /** Commands that a template without `hint` would write as an object. */
  interpolated: Place[];
  /** Calls whose task is no literal. */
  unknown: Place[];
}

/** Help is written once, for both doors; the names of sessions are looked for in pg_stat_activity. */
const HELP = new Set(['examples', 'description', 'summary', 'about']);
const SESSION = /^drydock [\w:-]+$/;

export function sources(): string[] {
  return globSync(['packages/*/src/**/*.ts', 'packages/*/scripts/**/*.ts', 'scripts/**/*.ts', 'e2e/**/*.ts'], {
    cwd: TOOLKIT,
    exclude: ['**/generated/**', 'scripts/test/**'],
  });
}

export function commandsIn(file: string, names: string[], text = readFileSync(join(TOOLKIT, file), 'utf8')): Seen {
  const seen: Seen = { calls: [], texts: [], interpolated: [], unknown: [] };
  const { program, errors } = parseSync(file, text);
  if (errors.length > 0) throw new Error(`${file}: ${errors[0]?.message}`);
  const place = ({ start }: Node): Place => ({ file, line: text.slice(0, start).split('\n').length });
  // A space and a hole behind it (`npm run ${task}`) is one as well.
  const typed = new RegExp(
    `\\b((npm run|npx drydock) $|npm start --|(npm run|npx drydock|drydock) (${names.join('|')})(?![\\w:-]))`,
  );
  const imported = /import [^;]*\bcommand\b[^;]* from '(@drydock\/kit|[./]+hint\.ts)'/.test(text);
  const named = new Set<string>();
  const walk = (node: Node, inHelp: boolean, inTag = false): void => {
    if (
      imported &&
      node.type === 'CallExpression' &&
      node.callee.type === 'Identifier' &&
      node.callee.name === 'command'
    ) {
      const [task, flags] = node.arguments;
      if (task?.type === 'Literal')
        seen.calls.push({ ...place(node), task: String(task.value), flags: flagsIn(flags) });
      else seen.unknown.push(place(node));
    }
    const said = node.type === 'Literal' ? node.value : node.type === 'TemplateElement' ? node.value.cooked : undefined;
    if (!inHelp && typeof said === 'string' && typed.test(said) && !SESSION.test(said))
      seen.texts.push({ ...place(node), text: said });
    if (node.type === 'VariableDeclarator' && node.id.type === 'Identifier' && isCommand(node.init))
      named.add(node.id.name);
    if (node.type === 'TemplateLiteral' && !inTag)
      for (const value of node.expressions)
        if (isCommand(value) || (value.type === 'Identifier' && named.has(value.name)))
          seen.interpolated.push(place(value));
    const helps = inHelp || (node.type === 'Property' && node.key.type === 'Identifier' && HELP.has(node.key.name));
    for (const child of Object.values(node).flat())
      if (child !== null && typeof child === 'object' && 'type' in child)
        walk(child as Node, helps, node.type === 'TaggedTemplateExpression');
  };
  walk(program, false);
  return seen;
}

/** Made by command() or hint``. */
function isCommand(node: Node | null): boolean {
  if (node?.type === 'TaggedTemplateExpression') return node.tag.type === 'Identifier' && node.tag.name === 'hint';
  return node?.type === 'CallExpression' && node.callee.type === 'Identifier' && node.callee.name === 'command';
}

function flagsIn(node: Node | undefined): Call['flags'] {
  if (node?.type !== 'ObjectExpression') return {};
  return Object.fromEntries(
    node.properties.flatMap((property) => {
      if (property.type !== 'Property') return [];
      const name =
        property.key.type === 'Identifier' ? property.key.name : String((property.key as { value: unknown }).value);
      return [[name, property.value.type === 'Literal' ? (property.value.value as string) : undefined]];
    }),
  );
}
