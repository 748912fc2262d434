import { command, hint, OpsError } from '@drydock/kit';

/**
 * A key, or the beginning of keys: names with `/` between them. Whatever wrote it, a manifest of somebody else included,
 * it never leads out of the store.
 */
export function checkedKey(store: string, key: string): string {
  const parts = key.split('/');
  const names = parts.at(-1) === '' ? parts.slice(0, -1) : parts;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is refused.
  if (names.every((name) => name !== '' && name !== '.' && name !== '..' && !/[\\\u0000-\u001f\u007f]/.test(name)))
    return key;
  throw new OpsError({
    code: 'KEY_REFUSED',
    message: `${JSON.stringify(key)} is no name for something in ${store}.`,
    hint: hint`Somebody else wrote the manifest that holds it: ${command('backup:verify')} says which.`,
  });
}
