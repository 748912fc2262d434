import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import type { Bed } from './bed.ts';
import { readInstructions } from './document.ts';

export interface Wish {
  /** Files of the document that this product has otherwise, by path. */
  files?: Record<string, string>;
  /** Lines that are not typed as they stand, by how they begin: undefined leaves one out. */
  lines?: Record<string, (() => void | Promise<void>) | undefined>;
  /** A change of the product before its second release. */
  change(bed: Bed): void;
}

const EVERY_MS = 50;

/** What came of it. */
export interface Adopted {
  /** What a line said, by how it begins; the last one. */
  said(begin: string): string;
  /** What the machine took for each section of the document, in its order. */
  took: { heading: string; lines: number; ms: number }[];
}

/** Does what docs/ADOPTING.md says, in its order. */
export async function adopt(bed: Bed, { files = {}, lines = {}, change }: Wish): Promise<Adopted> {
  const typed: { heading: string; line: string; said: string; ms: number }[] = [];
  let released = 0;
  for (const instruction of readInstructions()) {
    if (instruction.kind === 'file') {
      bed.write(instruction.file, files[instruction.file] ?? instruction.text);
      if (instruction.file === 'prisma/admins.mjs') nameSeed(bed.root);
      continue;
    }
    const { heading, line } = instruction;
    const other = Object.keys(lines).find((begin) => line.startsWith(begin));
    if (other !== undefined) {
      await lines[other]?.();
      continue;
    }
    if (/^npx drydock release:test/.test(line) && released > 0) {
      change(bed);
      await bed.type('git add -A && git commit -q -m "The next version"');
    }
    const isRelease = /^npx drydock release(:rollback)? /.test(line) && !line.includes('--plan');
    const run = () => bed.type(line);
    const {
      code,
      said: text,
      ms,
    } = isRelease && released > 0 ? await underLoad(bed.publicUrl('production'), run) : await run();
    assert.is(code, expectedOf(line), `${line}\n${text}`);
    if (isRelease) released += 1;
    bed.learn(text);
    typed.push({ heading, line, said: text, ms });
  }
  return {
    said: (begin) => typed.findLast(({ line }) => line.startsWith(begin))?.said ?? '',
    took: [...Map.groupBy(typed, ({ heading }) => heading)].map(([heading, ofIt]) => ({
      heading,
      lines: ofIt.length,
      ms: ofIt.reduce((sum, { ms }) => sum + ms, 0),
    })),
  };
}

/** What is pending is no success. */
function expectedOf(line: string): number {
  return line === 'npx drydock db:status' ? 3 : 0;
}

/** `database: { seed: … }`, as the document says in words. */
function nameSeed(root: string): void {
  const file = join(root, 'drydock.config.ts');
  const before = readFileSync(file, 'utf8');
  const after = before.replace(/^export default \{\n/m, "$&  database: { seed: { module: 'prisma/admins.mjs' } },\n");
  assert.is.not(after, before);
  writeFileSync(file, after);
}

/** Twenty requests a second while `work` is at work: none fails. */
async function underLoad<T>(url: string, work: () => Promise<T>): Promise<T> {
  const failed: string[] = [];
  const asked: Promise<void>[] = [];
  let going = true;
  const ask = async () => {
    try {
      const { status, body } = await fetch(url, { signal: AbortSignal.timeout(10_000) });
      await body?.cancel();
      if (status !== 200) failed.push(String(status));
    } catch (error) {
      failed.push(String((error as Error).cause ?? error));
    }
  };
  const load = (async () => {
    for (; going; await sleep(EVERY_MS)) asked.push(ask());
  })();
  try {
    return await work();
  } finally {
    going = false;
    await load;
    await Promise.all(asked);
    assert.equal(failed, [], `of ${asked.length} requests`);
    assert.ok(asked.length > 10);
  }
}
