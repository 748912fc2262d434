import { createHash } from 'node:crypto';
import { countRecipients } from '../team/seal.ts';
import { type AtRest, textOf } from './files.ts';

export interface Opener {
  name: string;
  recipient: string;
}

/** Whom a sealed file says that it was encrypted to; undefined where its list is missing, or is of another version of it. */
export interface Openers {
  openers: Opener[] | undefined;
  /** How many keys it was really encrypted to: age's header tells no more. */
  keys: number | undefined;
}

const OF = /^# of sha256:([0-9a-f]{64})$/m;

export function listText(sealed: string, openers: readonly Opener[]): string {
  return [
    '# Who can open the file of this name without .recipients; written with it by drydock. For people: age -R FILE.',
    `# of sha256:${sha256(sealed)}`,
    ...openers.flatMap(({ name, recipient }) => [`# ${name.replaceAll(/\s+/g, ' ')}`, recipient]),
    '',
  ].join('\n');
}

export async function readOpeners({ sealed, list }: AtRest): Promise<Openers> {
  const [text = '', listed] = [textOf(sealed), textOf(list)];
  const keys = await countRecipients(text);
  if (listed === undefined || OF.exec(listed)?.[1] !== sha256(text)) return { openers: undefined, keys };
  const openers = [...listed.matchAll(/^# (.*)\n(age1[0-9a-z]+)$/gm)].map(([, name = '', recipient = '']) => ({
    name,
    recipient,
  }));
  // A line that somebody took out of the list takes nobody's key out of the file.
  return { openers: new Set(openers.map(({ recipient }) => recipient)).size === keys ? openers : undefined, keys };
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
