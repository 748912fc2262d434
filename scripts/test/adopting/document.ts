import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import markdownIt from 'markdown-it';

/** What a reader of docs/ADOPTING.md does, in order: types a line, or writes a file. */
export type Instruction =
  | { kind: 'line'; heading: string; line: string }
  | { kind: 'file'; heading: string; file: string; text: string };

const DOCUMENT = join(import.meta.dirname, '../../../docs/ADOPTING.md');

/** Fences by their info: `sh` has lines to type, `dotenv .env.staging` and `js prisma/admins.mjs` the text of a file. Another kind is an error. */
export function readInstructions(): Instruction[] {
  const tokens = markdownIt().parse(readFileSync(DOCUMENT, 'utf8'), {});
  let heading = '';
  return tokens.flatMap((token, at): Instruction[] => {
    if (token.type === 'heading_open') heading = tokens[at + 1]?.content ?? '';
    if (token.type !== 'fence') return [];
    const [language, file] = token.info.trim().split(/\s+/);
    if (language === 'sh' && file === undefined)
      return token.content
        .split('\n')
        .filter(Boolean)
        .map((line) => ({ kind: 'line', heading, line }));
    if (file !== undefined) return [{ kind: 'file', heading, file, text: token.content }];
    throw new Error(`A block of docs/ADOPTING.md is neither a command nor a file: ${token.info}`);
  });
}
