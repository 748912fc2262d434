import { lstatSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { command, hint, isMissing, OpsError, unreadLines } from '@drydock/kit';
import type { Place } from '../store/place.ts';
import { differing } from './compare.ts';
import { discardDraft, dropDraft, keepDraft, readDraft } from './draft.ts';
import { type AtRest, textOf } from './files.ts';
import { sha256 } from './list.ts';
import { ABOUT, endUsers, isInUse, makePrivateFolder, removeFolder } from './private-folder.ts';
import { writeSealed } from './write.ts';

/** Runs the editor on a file, with this terminal, and gives its exit code. `folder` marks whatever it begins. */
export type Editor = (file: string, folder: string) => Promise<number>;

export interface Edited {
  /** Names of the variables that are other ones now; none where only words between them are. */
  variables: string[];
  changed: boolean;
  /** It ended so soon that it may have gone on elsewhere, as `code` without --wait does. */
  atOnce: boolean;
}

const AT_ONCE_MS = 1_000;
const LOOK_MS = 100;

/**
 * Opens what is at rest in the editor and seals what it has become. Whatever happens, the sealed file is the old one or the new one; what was
 * edited and cannot be sealed is kept encrypted as a draft, and the plain text lies in memory, for nobody else, and not longer than this.
 */
export async function editAtRest(
  place: Place,
  rest: AtRest,
  { editor, discard, onWait }: { editor: Editor; discard: boolean; onWait(): void },
): Promise<Edited> {
  const sealed = textOf(rest.sealed) ?? '';
  const before = await place.team.open(sealed, rest.sealedName);
  const begun = await beginWith(place, rest, { sealed, before, discard });
  const folder = makePrivateFolder();
  const base = sha256(sealed);
  try {
    const file = join(folder, basename(rest.file));
    const { config, environment } = place;
    const about = { root: config.root, env: environment.name, sealedName: rest.sealedName, file: basename(file), base };
    writeFileSync(join(folder, ABOUT), JSON.stringify(about), { mode: 0o600 });
    writeFileSync(file, begun, { mode: 0o600 });
    const since = performance.now();
    const code = await editor(file, folder);
    const atOnce = performance.now() - since < AT_ONCE_MS;
    await untilClosed(place, folder, onWait);
    // The shell that calls it was stopped with us, and it was not told.
    if (place.signal.aborted && code > 128) await endUsers(folder);
    const text = readBack(file);
    try {
      if (place.signal.aborted) place.signal.throwIfAborted();
      if (code !== 0) throw died(code, rest);
      if (text === undefined) throw gone(rest);
      if (text !== before) {
        refuseUnread(text, rest);
        await writeSealed(place, rest, text, { over: sealed, before });
      }
    } catch (error) {
      // Begun anew, it begins with this.
      if (text !== undefined && text !== before) await keepDraft(place, rest.sealedName, { base, text });
      throw error;
    }
    dropDraft(place, rest.sealedName);
    return { variables: differing(before, text), changed: text !== before, atOnce };
  } finally {
    removeFolder(folder);
  }
}

async function beginWith(
  place: Place,
  rest: AtRest,
  { sealed, before, discard }: { sealed: string; before: string; discard: boolean },
): Promise<string> {
  if (discard) discardDraft(place, rest.sealedName);
  const draft = await readDraft(place, rest.sealedName);
  if (!draft) return before;
  if (draft.isOf(sealed)) return draft.text;
  throw new OpsError({
    code: 'DRAFT_OUTDATED',
    message: `What you have edited of ${rest.sealedName} was never sealed, and somebody else has sealed another version since; both are kept.`,
    hint: hint`Begin with theirs: ${command('secrets:edit', { file: rest.sealedName, discard: true })}   (yours stays under .drydock/secrets/previous)`,
  });
}

/** An editor that goes on behind our back still has the file. */
async function untilClosed({ signal }: Place, folder: string, onWait: () => void): Promise<void> {
  for (let told = false; !signal.aborted && isInUse(folder); told = true) {
    if (!told) onWait();
    await sleep(LOOK_MS);
  }
}

function readBack(file: string): string | undefined {
  try {
    return lstatSync(file).isFile() ? readFileSync(file, 'utf8') : undefined;
  } catch (cause) {
    if (isMissing(cause)) return undefined;
    throw cause;
  }
}

function refuseUnread(text: string, rest: AtRest): void {
  const [line] = unreadLines(text);
  const why = text.trim() === '' ? 'nothing is left in it' : line && `line ${line} is neither NAME=value nor a comment`;
  if (!why) return;
  throw new OpsError({
    code: 'EDIT_NOT_READ',
    message: `${rest.sealedName} was not sealed: ${why}. What you wrote is kept, encrypted.`,
    hint: hint`Mend it: ${command('secrets:edit', { file: rest.sealedName })}   Or begin again: ${command('secrets:edit', { file: rest.sealedName, discard: true })}`,
  });
}

function died(code: number, rest: AtRest): OpsError {
  return new OpsError({
    code: 'EDITOR_FAILED',
    message: `The editor ended with exit code ${code}; ${rest.sealedName} is as it was, and what you wrote is kept, encrypted.`,
    hint: hint`Go on with it: ${command('secrets:edit', { file: rest.sealedName })}`,
  });
}

function gone(rest: AtRest): OpsError {
  return new OpsError({
    code: 'EDITOR_FAILED',
    message: `The editor left no file behind; ${rest.sealedName} is as it was.`,
    hint: hint`Begin again: ${command('secrets:edit', { file: rest.sealedName })}`,
  });
}
