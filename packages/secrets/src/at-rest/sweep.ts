import { existsSync, lstatSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LoadedConfig } from '@drydock/kit';
import { z } from 'zod';
import type { Place } from '../store/place.ts';
import { keepDraft } from './draft.ts';
import { sha256 } from './list.ts';
import { openIfOurs } from './opened.ts';
import { ABOUT, leftFolders, removeFolder } from './private-folder.ts';

type At = Pick<Place, 'config' | 'environment' | 'team'>;

const schema = z.strictObject({
  root: z.string(),
  env: z.string(),
  sealedName: z.string(),
  file: z.string(),
  base: z.string(),
});

/** Takes away the plain text that a killed edit has left; what was edited is a draft from then on. Returns the names of those. */
export async function sweepEdits(config: LoadedConfig, at: (env: string) => At): Promise<string[]> {
  const drafts: string[] = [];
  for (const folder of leftFolders()) {
    const about = readAbout(folder);
    // Another checkout's is for its own next run, as long as there is that checkout.
    if (about && about.root !== config.root && existsSync(about.root)) continue;
    const text =
      about && about.root === config.root && about.env in config.environments ? readIn(folder, about.file) : undefined;
    if (about && text !== undefined) {
      const place = at(about.env);
      if (await isNew(place, about, text)) {
        await keepDraft(place, about.sealedName, { base: about.base, text });
        drafts.push(about.sealedName);
      }
    }
    removeFolder(folder);
  }
  return drafts;
}

/** Is it anything else than what is sealed? */
async function isNew({ config, team }: At, { sealedName }: z.output<typeof schema>, text: string): Promise<boolean> {
  const path = join(config.root, sealedName);
  if (!existsSync(path)) return true;
  const sealed = await openIfOurs(team, readFileSync(path, 'utf8'), sealedName);
  return sealed === undefined || sha256(sealed) !== sha256(text);
}

/** Undefined where it was killed before it had written that: nobody had edited anything. */
function readAbout(folder: string): z.output<typeof schema> | undefined {
  const text = readIn(folder, ABOUT);
  if (text === undefined || !text.endsWith('}')) return undefined;
  return schema.safeParse(JSON.parse(text)).data;
}

/** An editor may have put something else in its place. */
function readIn(folder: string, name: string): string | undefined {
  const path = join(folder, name);
  return lstatSync(path, { throwIfNoEntry: false })?.isFile() ? readFileSync(path, 'utf8') : undefined;
}
