import { accessSync, closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { listFiles } from 'dotenv-flow';
import { isMissing, usageError } from '../../errors.ts';
import { Expansion } from './expand.ts';
import { type Setting, settingsIn } from './text.ts';

/** An env file that is there, as it was read. */
export interface EnvFile {
  path: string;
  text: string;
  settings: Setting[];
  /** `folder`: nothing of it was read. `utf-16`: read, and by hardly anybody else. `damaged`: not all of it is text. */
  is: 'text' | 'folder' | 'utf-16' | 'damaged';
  /** Permission bits. */
  mode: number;
}

/** A variable as the files have it, the last of them. */
export interface FileValue {
  text: string;
  file: string;
  line: number;
  /** References in it that lead nowhere, and stay as they are written. */
  unknown: string[];
}

/** The names of an environment's files in each folder, lowest precedence first, as dotenv-flow looks for them. */
export function envFileNames(env: string): string[] {
  return ['.env.defaults', '.env', ...(env === 'test' ? [] : ['.env.local']), `.env.${env}`, `.env.${env}.local`];
}

/** Those that are there, in order. What we may not read is refused (ENV_FILE_UNREADABLE, exit 2): what it says would be missed. */
export function readEnvFiles(folders: readonly string[], env: string): EnvFile[] {
  return folders.flatMap((folder) => {
    refuseClosed(folder);
    return listFiles({ path: folder, node_env: env }).flatMap((path) => readEnvFile(path) ?? []);
  });
}

/** In a folder that is closed to us every file seems to be missing. */
function refuseClosed(folder: string): void {
  try {
    accessSync(folder, constants.X_OK);
  } catch (cause) {
    if (!isMissing(cause)) throw unreadable(folder, cause);
  }
}

function readEnvFile(path: string): EnvFile | undefined {
  let fd: number;
  try {
    // A pipe in its place would be waited for.
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    if (isMissing(cause)) return undefined;
    throw unreadable(path, cause);
  }
  try {
    const found = fstatSync(fd);
    const mode = found.mode & 0o777;
    if (found.isDirectory()) return { path, text: '', settings: [], is: 'folder', mode };
    const { text, is } = decoded(readFileSync(fd));
    return { path, text, settings: settingsIn(text), is, mode };
  } catch (cause) {
    throw unreadable(path, cause);
  } finally {
    closeSync(fd);
  }
}

/** What the files say together: the last one wins, then references are put in, for which the shell wins over all of them. */
export function valuesOf(files: readonly EnvFile[], shell: NodeJS.ProcessEnv): Map<string, FileValue> {
  const written = new Map<string, Setting & { file: string }>();
  for (const { path, settings } of files)
    for (const setting of settings) {
      // In the order of the files, as dotenv-flow has it.
      written.delete(setting.name);
      written.set(setting.name, { ...setting, file: path });
    }
  const expansion = new Expansion(written, shell);
  return new Map([...written].map(([name, { file, line }]) => [name, { ...expansion.of(name), file, line }]));
}

/** The variables of one text by itself. */
export function parseEnv(text: string): Record<string, string> {
  const values = valuesOf([{ path: '', text, settings: settingsIn(text), is: 'text', mode: 0 }], {});
  return Object.fromEntries([...values].map(([name, value]) => [name, value.text]));
}

/** Windows' PowerShell writes UTF-16, with a mark at its beginning. */
function decoded(bytes: Buffer): Pick<EnvFile, 'text' | 'is'> {
  const [first, second] = bytes;
  const utf16 =
    (first === 0xff && second === 0xfe) || (first !== 0 && second === 0)
      ? 'utf-16le'
      : (first === 0xfe && second === 0xff) || (first === 0 && second !== 0 && second !== undefined)
        ? 'utf-16be'
        : undefined;
  if (utf16) return { text: new TextDecoder(utf16).decode(bytes), is: 'utf-16' };
  const text = bytes.toString('utf8');
  return { text, is: text.includes('\uFFFD') || text.includes('\0') ? 'damaged' : 'text' };
}

function unreadable(path: string, cause: unknown) {
  const { code } = cause as NodeJS.ErrnoException;
  return usageError(
    'ENV_FILE_UNREADABLE',
    `${path} cannot be read (${code}): what it says would be missed, and another value taken for it.`,
    `See whose it is: ls -l ${path}`,
  );
}
