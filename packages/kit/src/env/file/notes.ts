import { readdirSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { closest } from '../../closest.ts';
import type { LoadedConfig } from '../../config/load.ts';
import { isMissing } from '../../errors.ts';
import type { Finding } from '../../finding.ts';
import { isReachableByAll } from '../../reachable.ts';
import { passwordsIn } from '../../url-secrets.ts';
import { opensSomething } from '../machine.ts';
import { type EnvFile, envFileNames, type FileValue } from './read.ts';
import { type Setting, unreadLines } from './text.ts';

interface Read {
  files: readonly EnvFile[];
  found: ReadonlyMap<string, FileValue>;
}
type Config = Pick<LoadedConfig, 'root' | 'envDirs' | 'path' | 'environments' | 'variables'>;

/** What of the env files was not read, or not as it was probably meant: each by file and line. */
export function notesOn(config: Config, { files, found }: Read): Finding[] {
  const shown = (path: string) => relative(config.root, path) || path;
  return [
    ...files.flatMap((file) => [
      ...asAFile(file, shown(file.path), config),
      ...unreadLines(file.text).flatMap((line) =>
        file.settings.some((one) => one.isOpen && one.line === line) ? [] : [unread(shown(file.path), line)],
      ),
      ...file.settings.flatMap((setting, i) => asASetting(setting, file.settings.slice(0, i), shown(file.path))),
    ]),
    ...[...found].flatMap(([name, value]) => referring(name, value, shown(value.file))),
    ...config.envDirs.flatMap((dir) => beside(config.path(dir), config)),
  ];
}

function asAFile({ path, is, mode, settings }: EnvFile, file: string, { variables }: Config): Finding[] {
  const isSecret = ({ name, value }: Setting) =>
    value !== '' && (variables[name]?.secret || opensSomething(name) || passwordsIn(value).length > 0);
  const note = (code: string, message: string, hint: string): Finding => ({ level: 'warn', code, message, hint, file });
  return [
    ...(is === 'folder'
      ? [note('ENV_FILE_IS_FOLDER', `${file} is a folder: nothing of it is read.`, 'Give the folder another name.')]
      : []),
    ...(is === 'utf-16'
      ? [
          note(
            'ENV_FILE_UTF16',
            `${file} is UTF-16, as PowerShell's > writes it: most programs read no variable of it.`,
            `As UTF-8: iconv -f UTF-16 -t UTF-8 ${file} > ${file}.new && mv ${file}.new ${file}`,
          ),
        ]
      : []),
    ...(is === 'damaged'
      ? [note('ENV_FILE_NOT_UTF8', `${file} is no UTF-8 text: what is none of it is read as �.`, 'Save it as UTF-8.')]
      : []),
    ...(is !== 'folder' && (mode & 0o004) !== 0 && settings.some(isSecret) && isReachableByAll(dirname(path))
      ? [
          note(
            'ENV_FILE_READABLE',
            `${file} holds secrets, and everybody on this machine can read it (0${mode.toString(8)}).`,
            `chmod 600 ${file}`,
          ),
        ]
      : []),
  ];
}

function unread(file: string, line: number): Finding {
  return {
    level: 'warn',
    code: 'ENV_LINE_UNREAD',
    message: `Line ${line} of ${file} sets nothing: it is no NAME=value.`,
    hint: 'Mend it, or put a # before it.',
    ...{ file, line },
  };
}

function asASetting(
  { name, line, isCut, isOpen, swallows }: Setting,
  before: readonly Setting[],
  file: string,
): Finding[] {
  const at = { file, line };
  const first = before.findLast((one) => one.name === name);
  return [
    ...(isOpen
      ? [
          {
            ...at,
            level: 'error' as const,
            code: 'ENV_QUOTE_OPEN',
            message: `${name} begins with a quote that does not end it (${file}:${line}): the quote is a part of the value.`,
            hint: `Close it behind the value: ${name}='…'`,
          },
        ]
      : []),
    ...(isCut
      ? [
          {
            ...at,
            level: 'warn' as const,
            code: 'ENV_VALUE_CUT',
            message: `${name} ends before the # (${file}:${line}): without quotes, what follows is a comment.`,
            hint: `If it belongs to the value: ${name}='…#…'`,
          },
        ]
      : []),
    ...(swallows
      ? [
          {
            ...at,
            level: 'warn' as const,
            code: 'ENV_VALUE_LONG',
            message: `The value of ${name} goes over several lines (${file}:${line}), with what looks like other variables in it.`,
            hint: 'Is a quote missing on its first line?',
          },
        ]
      : []),
    ...(first
      ? [
          {
            ...at,
            level: 'warn' as const,
            code: 'ENV_NAME_TWICE',
            message: `${name} stands twice in ${file}, in lines ${first.line} and ${line}: the last one counts.`,
          },
        ]
      : []),
  ];
}

function referring(name: string, { line, unknown }: FileValue, file: string): Finding[] {
  return unknown.map((other) => ({
    level: 'warn',
    code: 'ENV_REFERENCE_UNKNOWN',
    message: `${name} refers to $${other}, which is set nowhere (${file}:${line}): it stays as it is written.`,
    hint: `If the $ stands for itself, put the value into single quotes; otherwise set ${other}.`,
    ...{ file, line },
  }));
}

/** What belongs to other tools, or is there to be copied. */
const OTHERS = /\.(example|sample|template|tpl|dist|defaults|vault|keys|schema|age|test|ci)(\.|$)|^\.envrc$/;

/** Files beside that look like env files, and that no environment reads. */
function beside(folder: string, { root, environments }: Config): Finding[] {
  const names = Object.keys(environments);
  const read = [...new Set(names.flatMap((env) => envFileNames(env)))];
  return entries(folder)
    .filter((name) => /^\.env\b/.test(name) && !read.includes(name) && !OTHERS.test(name))
    .map((name): Finding => {
      const file = relative(root, join(folder, name));
      const parts = (one: string) => one.split('.').sort().join('.');
      const swapped = read.find((one) => parts(one) === parts(name));
      const meant =
        swapped ??
        closest(
          name,
          read.filter((one) => one !== '.env' && one !== '.env.defaults'),
        );
      return {
        level: meant ? 'warn' : 'info',
        code: 'ENV_FILE_UNKNOWN',
        message: `${file} is read for no environment (${names.join(', ')}).`,
        ...(meant ? { hint: `Did you mean ${basename(meant)}?` } : {}),
        file,
      };
    });
}

function entries(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch (cause) {
    if (isMissing(cause)) return [];
    throw cause;
  }
}
