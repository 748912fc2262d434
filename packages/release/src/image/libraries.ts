import { readFileSync } from 'node:fs';
import { exec, OpsError, requireTool } from '@drydock/kit';

/** Where each lies, as the loader finds it: what programs and compiled packages of the image need of this machine. */
export async function librariesOf(programs: string[], addons: string[], signal: AbortSignal): Promise<string[]> {
  const found = new Set<string>();
  for (const program of programs) {
    const { there, missing } = await linked(program, signal);
    if (missing.length > 0)
      throw new OpsError({
        code: 'LIBRARY_MISSING',
        message: `${program} needs ${missing.join(', ')}, which this machine does not have.`,
        exit: 2,
      });
    for (const path of there) found.add(path);
  }
  // Packages bring one for each kind of C library; those for another have something missing, and are not loaded.
  for (const addon of addons.filter(isElf)) {
    const { there, missing } = await linked(addon, signal);
    if (missing.length === 0) for (const path of there) found.add(path);
  }
  return [...found].sort();
}

async function linked(file: string, signal: AbortSignal): Promise<{ there: string[]; missing: string[] }> {
  // 1: it is linked with nothing.
  const { stdout } = await exec(requireTool('ldd'), [file], { okCodes: [1], signal });
  const there: string[] = [];
  const missing: string[] = [];
  for (const line of stdout.split('\n')) {
    const [, path] = /(?:=>\s*|^\s*)(\/\S+)\s+\(0x/.exec(line) ?? [];
    const [, name] = /^\s*(\S+) => not found/.exec(line) ?? [];
    if (path) there.push(path);
    if (name) missing.push(name);
  }
  return { there, missing };
}

function isElf(file: string): boolean {
  return readFileSync(file).subarray(0, 4).toString('latin1') === '\x7fELF';
}
