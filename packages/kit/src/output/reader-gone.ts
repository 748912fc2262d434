/**
 * Whoever read our output has gone (`| head`, a closed terminal's pager): a look has nobody left to tell and ends with
 * `ended`; a change goes on, unseen, for half of it would be worse. Any other error of a stream is an error.
 */
export function surviveLostReader(streams: NodeJS.WriteStream[], ended: (() => void) | undefined): void {
  for (const stream of streams)
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
      ended?.();
    });
}
