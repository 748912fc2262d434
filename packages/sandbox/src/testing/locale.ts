import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { exec, findTool } from '@drydock/kit';
import { cacheRoot } from './root.ts';

/** Where Debian's package `locales` has what a locale is made from. */
const SOURCES = '/usr/share/i18n/locales';

/**
 * A locale in UTF-8 that the machine need not have: the environment in which a program finds it (LOCPATH, locale(7)). Undefined where it cannot
 * be made: glibc alone reads it so.
 */
export async function localeOf(language: string): Promise<{ name: string; env: { LOCPATH: string } } | undefined> {
  const localedef = findTool('localedef');
  if (!localedef || !existsSync(join(SOURCES, language))) return undefined;
  const name = `${language}.UTF-8`;
  const folder = join(cacheRoot(), `drydock-locales-${process.getuid?.() ?? 0}`);
  const made = join(folder, name);
  if (!existsSync(made)) {
    mkdirSync(folder, { recursive: true, mode: 0o755 });
    const building = join(folder, `${name}.${process.pid}`);
    await exec(localedef, ['--no-archive', '-i', language, '-f', 'UTF-8', building]);
    try {
      renameSync(building, made);
    } catch {
      // Another test was faster; its locale serves as well.
      rmSync(building, { recursive: true, force: true });
    }
  }
  return { name, env: { LOCPATH: folder } };
}
