import type { ChildProcess } from 'node:child_process';
import { constants } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { exec, type Secret } from '@drydock/kit';

const LOOK_MS = 2;

/**
 * A named pipe through which a program reads a key as if from a file: the key is neither an argument nor on a disk.
 * (What Node calls a pipe is a socket, which no program can open by its name.)
 */
export class KeyPipe {
  readonly path: string;
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
    this.path = join(folder, 'key');
  }

  static async make(): Promise<KeyPipe> {
    const pipe = new KeyPipe(await mkdtemp(join(tmpdir(), 'drydock-key-')));
    await exec('mkfifo', ['-m', '600', pipe.path]);
    return pipe;
  }

  /** Once the program has opened its end; it may as well end before. */
  async hand(key: Secret, to: ChildProcess): Promise<void> {
    try {
      while (to.exitCode === null && to.signalCode === null) {
        try {
          // Without a reader this is refused at once, where a plain open would wait for ever.
          const end = await open(this.path, constants.O_WRONLY | constants.O_NONBLOCK);
          await end.write(`${key.reveal().trim()}\n`);
          await end.close();
          return;
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'ENXIO') throw error;
          await sleep(LOOK_MS);
        }
      }
    } finally {
      await rm(this.#folder, { recursive: true, force: true });
    }
  }
}
