import { readdirSync, readFileSync } from 'node:fs';

const LOOK_MS = 30;

/** What a process was started with, as everybody who may look at it sees. */
export interface SeenProcess {
  /** Its arguments, by blanks. */
  command: string;
  environ: Buffer;
}

/** Every process of this machine that is there while it watches, this one left out; of what is over within a few ms, not all. */
export function watchProcesses(): { stop(): SeenProcess[] } {
  const seen = new Map<string, SeenProcess>();
  const look = () => {
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name) && name !== String(process.pid))) {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
        const key = `${pid} ${command}`;
        if (command && !seen.has(key)) seen.set(key, { command, environ: readFileSync(`/proc/${pid}/environ`) });
      } catch {
        // It has ended meanwhile, or is another user's.
      }
    }
  };
  const timer = setInterval(look, LOOK_MS).unref();
  return {
    stop() {
      clearInterval(timer);
      look();
      return [...seen.values()];
    },
  };
}
