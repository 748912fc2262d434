import { spawn } from 'node:child_process';
import { Agent, type ClientRequestArgs } from 'node:http';
import { Duplex, PassThrough } from 'node:stream';

const MOST_SAID = 500;

type Connected = (error: Error | null, stream: Duplex) => void;

/**
 * Connections as Docker's own client makes them: `docker system dial-stdio` on the other machine speaks with the engine there. Asks nothing: a key
 * must do. An end of its own is told with what ssh said, where an empty answer would say nothing.
 */
export function throughSsh(url: URL): Agent {
  const who = url.username ? `${decodeURIComponent(url.username)}@${url.hostname}` : url.hostname;
  const port = url.port ? ['-p', url.port] : [];
  const args = ['-o', 'BatchMode=yes', '-o', 'ConnectTimeout=10', ...port, '--', who, 'docker', 'system', 'dial-stdio'];
  return new SshAgent(args);
}

class SshAgent extends Agent {
  readonly #args: string[];

  constructor(args: string[]) {
    super({ keepAlive: false });
    this.#args = args;
  }

  override createConnection(_: ClientRequestArgs, done?: Connected): Duplex {
    const child = spawn('ssh', this.#args, { stdio: ['pipe', 'pipe', 'pipe'] });
    // Why it ended is known a moment after its output has, and its input.
    const readable = child.stdout.pipe(new PassThrough(), { end: false });
    const writable = new PassThrough();
    writable.pipe(child.stdin).on('error', () => {});
    const stream = Duplex.from({ readable, writable });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-MOST_SAID);
    });
    child.on('error', (error) => stream.destroy(error));
    child.on('close', (code) => {
      if (code) stream.destroy(new Error(said.trim().split('\n').at(-1) || `ssh ended with ${code}`));
      else readable.end();
    });
    stream.on('close', () => child.kill());
    done?.(null, stream);
    return stream;
  }
}
