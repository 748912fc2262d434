import { basename } from 'node:path';
import { lookAt, replaceFiles } from '../store/env-file.ts';
import type { Place } from '../store/place.ts';
import { keepPrevious, keepSealed } from '../store/previous.ts';
import { type AtRest, textOf } from './files.ts';
import { listText, type Opener } from './list.ts';
import { remember } from './seen.ts';

type At = Pick<Place, 'config' | 'environment' | 'team'>;

/** Seals a text as the file at rest; the version before stays in this checkout. `over`: what was there when it was decided, `before`: what was in it. */
export async function writeSealed(
  at: At,
  rest: AtRest,
  text: string,
  { over, before }: { over: string | undefined; before?: string | undefined },
): Promise<void> {
  const { config, team } = at;
  const sealed = await team.seal(text);
  const looked = { ...lookAt(rest.sealed), bytes: over === undefined ? undefined : Buffer.from(over) };
  if (over !== undefined) keepSealed(at, { of: rest.sealedName, sealed: over });
  replaceFiles([
    { looked, content: sealed },
    { looked: lookAt(rest.list), content: listText(sealed, await openersOf(at)) },
  ]);
  const here = textOf(rest.file);
  remember(config, rest.sealedName, { sealed, plain: here === text || here === before ? here : undefined });
}

/** Writes what was sealed as the env file (0600); what that held stays in this checkout, encrypted. */
export async function writeOpened(
  at: At,
  rest: AtRest,
  { text, sealed }: { text: string; sealed: string },
): Promise<void> {
  const looked = lookAt(rest.file);
  const before = looked.bytes?.toString('utf8');
  if (before !== undefined && before !== text) await keepPrevious(at, { of: rest.name, text: before });
  if (before !== text) replaceFiles([{ looked, content: text }]);
  remember(at.config, rest.sealedName, { sealed, plain: text });
}

async function openersOf({ config, team }: At): Promise<Opener[]> {
  if (team.members.length > 0) return team.members.map(({ name, recipient }) => ({ name, recipient }));
  return (await team.recipients()).map((recipient) => ({ name: `the checkout ${basename(config.root)}`, recipient }));
}
