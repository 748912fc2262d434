/** A top-level block of a Prisma schema, by its place in the text: `datasource db { … }`. */
export interface Block {
  keyword: string;
  start: number;
  end: number;
  properties: Property[];
}

/** `name = value`, with all lines of a value in brackets. */
export interface Property {
  name: string;
  start: number;
  end: number;
  /** The texts in quotes in its value. */
  strings: string[];
  /** Its value is that of a variable. */
  fromVariable: boolean;
}

/** Comments, strings, brackets, words and blanks: all that decides where a block or a property ends. */
const TOKEN = /\/\/[^\n]*|\/\*[\s\S]*?\*\/|"(?:\\.|[^"\\\n])*"|[{}[\]()=]|[^\s{}[\]()="/]+|\s+|[\s\S]/gy;

/**
 * The blocks of a schema that any version of Prisma could read. Only as much of the language as does not change: what is a comment or a string
 * ends no block, whatever stands in it.
 */
export function blocksOf(text: string): Block[] {
  const blocks: Block[] = [];
  let words: { text: string; at: number }[] = [];
  let open: Block | undefined;
  let depth = 0;
  let property: Property | undefined;
  let last = { word: '', at: 0 };
  for (const { 0: token, index: at } of text.matchAll(TOKEN)) {
    if (/^(\/\/|\/\*)/.test(token)) continue;
    const blank = /^\s/.test(token);
    if (property && depth === 1 && (token === '}' || (blank && token.includes('\n') && property.end > 0)))
      property = undefined;
    if (property && !blank) {
      property.end = at + token.length;
      if (token.startsWith('"')) property.strings.push(token.slice(1, -1));
      if (token === 'env') property.fromVariable = true;
    }
    if (blank) continue;
    if (!open) {
      if (token === '{' && words[0]) {
        open = { keyword: words[0].text, start: words[0].at, end: text.length, properties: [] };
        blocks.push(open);
        depth = 1;
        words = [];
      } else words.push({ text: token, at });
      continue;
    }
    if ('{[('.includes(token)) depth++;
    else if ('}])'.includes(token)) depth--;
    if (depth === 0) {
      open.end = at + 1;
      open = undefined;
    } else if (depth === 1 && token === '=' && !property) {
      property = { name: last.word, start: last.at, end: 0, strings: [], fromVariable: false };
      open.properties.push(property);
    }
    last = { word: token, at };
  }
  return blocks;
}
