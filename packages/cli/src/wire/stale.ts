import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { configLists } from './config.ts';
import { type List, listsOf } from './lists.ts';
import { readTaskFiles } from './read.ts';

/** The lists that do not say what the task files and the sections of the config say. */
export async function staleLists(toolkit: string): Promise<List[]> {
  const lists = [...listsOf(toolkit, await readTaskFiles(toolkit)), ...(await configLists(toolkit))];
  return lists.filter(({ file, content }) => {
    const path = join(toolkit, file);
    return !existsSync(path) || meaning(file, readFileSync(path, 'utf8')) !== meaning(file, content);
  });
}

/** The formatter breaks the lines of JSON as it likes. */
function meaning(file: string, content: string): string {
  return file.endsWith('.json') ? JSON.stringify(JSON.parse(content)) : content;
}
