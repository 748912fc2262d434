import { usageError } from '../errors.ts';

/** sun_path of unix(7), less the suffix under which HAProxy binds it first (haproxy's uxst_bind_listener: 97 bytes). */
const LONGEST_SOCKET = 97;

/**
 * As a word of its config (HAProxy manual, 2.2). Between single quotes nothing is read, and words without a space between are one, as in a shell. The
 * arguments in parentheses are quoted in the same way, and then the whole of them once more.
 */
export function haproxyWord(text: string): string {
  return /^[\w./:@+,()[\]%-]+$/.test(text) ? text : quoted(text);
}

/** A file's name between parentheses. */
export function haproxyArgument(path: string): string {
  return /^[\w./:@+-]+$/.test(path) ? path : quoted(path);
}

/** As the runtime API takes it (management guide, 9.3): a backslash before what would end the word or the command. */
export function haproxyCommandWord(path: string): string {
  return path.replaceAll(/[\\; ]/g, '\\$&');
}

/** Why HAProxy cannot listen there, if it cannot. In an address it fills in variables, and a comma begins another one: neither can be quoted. */
export function socketProblem(path: string): string | undefined {
  const bytes = Buffer.byteLength(path);
  if (bytes > LONGEST_SOCKET) return `has ${bytes} bytes, and HAProxy takes ${LONGEST_SOCKET} for a socket`;
  return /[$,\n]/.test(path) ? 'has a sign that HAProxy takes in no address ($, a comma or a new line)' : undefined;
}

/** Refuses what no quoting helps (exit 2). */
export function refuseUnquotable({ socket, stateFile }: { socket: string; stateFile: string }): void {
  const problem = socketProblem(socket);
  if (problem)
    throw usageError('PROXY_PATH', `The path of the socket ${problem}: ${socket}`, 'Name a shorter, plain one.');
  if (/[\n\r]/.test(stateFile))
    throw usageError('PROXY_PATH', `A line of haproxy.cfg cannot hold the path of the state file: ${stateFile}`);
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
