/**
 * Whoever read our output has gone (`| head`, a closed terminal's pager). The task goes on, unseen: half a change would be worse than a
 * whole one, and a look that has not ended does not know its answer yet. `gone` is told. Any other error of a stream is an error.
 */
export function surviveLostReader(stream: NodeJS.WriteStream, gone: () => void = () => {}): void {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    gone();
  });
}
