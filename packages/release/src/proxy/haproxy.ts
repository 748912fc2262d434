import { accessSync, constants } from 'node:fs';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { command, hint, OpsError, writeDurably } from '@drydock/kit';
import { SLOTS, type Slot } from '../driver/types.ts';

/** Where a server sends what it gets. */
export interface Target {
  host: string;
  port: number;
}

export interface ServerState {
  /** `blue`, `blue-2`, `blue-3`: one for each instance of the slot. */
  name: string;
  slot: Slot;
  address: string;
  port: number;
  /** Takes new requests, if its check passes. */
  enabled: boolean;
  /** Its check passes. */
  up: boolean;
}

/**
 * Bits of srv_admin_state that take a server out (HAProxy management guide, "show servers state"). 0x04 does not: it
 * only remembers that the configuration began with `disabled`.
 */
const MAINT = 0x01 | 0x02 | 0x20;
const DRAIN = 0x08 | 0x10;
const RUNNING = 2;
/** The first of a slot, and the second, third, … */
const SERVER = /^(blue|green)(?:-(\d+))?$/;

/** HAProxy's runtime API over its admin socket (management guide, 9.3). */
export class Haproxy {
  readonly #socket: string;
  readonly #stateFile: string;
  readonly #backend: string;

  constructor({ socket, stateFile, backend }: { socket: string; stateFile: string; backend: string }) {
    this.#socket = socket;
    this.#stateFile = stateFile;
    this.#backend = backend;
  }

  /** Is there a proxy with the two servers of the backend, and can its state be kept? Changes nothing. */
  async preflight(): Promise<string> {
    const servers = await this.servers();
    const missing = SLOTS.filter((slot) => !servers.some((server) => server.slot === slot));
    if (missing.length > 0)
      throw new OpsError({
        code: 'PROXY_NOT_SET_UP',
        message: `HAProxy at ${this.#socket} has no server ${missing.join(' and ')} in its backend ${this.#backend}.`,
        hint: 'Name the backend in release.proxy.backend, and give it a server blue and a server green.',
      });
    try {
      accessSync(dirname(this.#stateFile), constants.W_OK);
    } catch (cause) {
      throw new OpsError({
        code: 'PROXY_STATE_NOT_WRITABLE',
        message: `The folder of ${this.#stateFile} cannot be written: a proxy that starts again would not know what is live.`,
        hint: 'Make it writable for you, or name another in release.proxy.stateFile and in server-state-file of HAProxy.',
        cause,
      });
    }
    return `HAProxy at ${this.#socket}, backend ${this.#backend}`;
  }

  async servers(): Promise<ServerState[]> {
    const text = await this.#send(`show servers state ${this.#backend}`);
    const [header, ...rows] = text.split('\n').slice(1).filter(Boolean);
    const columns = (header ?? '').replace(/^# /, '').split(' ');
    const at = (row: string[], name: string) => row[columns.indexOf(name)] ?? '';
    return rows
      .map((row) => row.split(' '))
      .flatMap((row) => {
        const [name = '', slot = '', number = '1'] = SERVER.exec(at(row, 'srv_name')) ?? [];
        const admin = Number(at(row, 'srv_admin_state'));
        const server = {
          name,
          slot: slot as Slot,
          address: at(row, 'srv_addr'),
          port: Number(at(row, 'srv_port')),
          enabled: (admin & (MAINT | DRAIN)) === 0,
          up: Number(at(row, 'srv_op_state')) === RUNNING,
        };
        return name ? [{ server, number: Number(number) }] : [];
      })
      .sort((a, b) => a.number - b.number)
      .map(({ server }) => server);
  }

  /** Requests that the servers of a slot are answering now. */
  async sessions(slot: Slot): Promise<number> {
    const text = await this.#send('show stat');
    const [header = '', ...rows] = text.split('\n').filter(Boolean);
    const columns = header.replace(/^# /, '').split(',');
    return rows
      .map((line) => line.split(','))
      .filter(([backend, name = '']) => backend === this.#backend && SERVER.exec(name)?.[1] === slot)
      .reduce((sum, cells) => sum + Number(cells[columns.indexOf('scur')] ?? 0), 0);
  }

  async point(server: string, { host, port }: Target): Promise<void> {
    await this.#set(server, `addr ${host} port ${port}`);
  }

  /** `drain`: finishes what it has, gets nothing new. `maint`: gets nothing and is not checked. */
  async setState(servers: readonly string[], state: 'ready' | 'drain' | 'maint', { kept = true } = {}): Promise<void> {
    for (const server of servers) await this.#set(server, `state ${state}`);
    if (kept) await this.#keep();
  }

  async #set(server: string, what: string): Promise<void> {
    const answer = await this.#send(`set server ${this.#backend}/${server} ${what}`);
    // Successful changes of an address are told, others are silent; refusals speak of "no such", "can't" and the like.
    if (/no such|can't|cannot|must|invalid|denied|unknown/i.test(answer))
      throw new OpsError({
        code: 'PROXY_REFUSED',
        message: `HAProxy refused "${what}" for ${server}: ${answer.trim()}.`,
      });
  }

  /** What HAProxy loads when it starts again, so that a restart of it changes nothing. */
  async #keep(): Promise<void> {
    const state = await this.#send('show servers state');
    try {
      writeDurably(this.#stateFile, `${state.trimEnd()}\n`, 0o644);
    } catch (cause) {
      throw new OpsError({
        code: 'PROXY_STATE_NOT_WRITABLE',
        message: `${this.#stateFile} cannot be written (${(cause as NodeJS.ErrnoException).code}): a proxy that starts again would not know what is live.`,
        hint: 'Make it writable for you, or free disk space.',
        cause,
      });
    }
  }

  #send(what: string): Promise<string> {
    return new Promise((done, fail) => {
      let answer = '';
      const socket = connect(this.#socket, () => socket.write(`${what}\n`));
      socket.setTimeout(5_000, () => socket.destroy(new Error('no answer within 5 s')));
      socket.on('data', (chunk) => {
        answer += chunk;
      });
      socket.on('end', () => done(answer));
      socket.on('error', (cause) =>
        fail(
          new OpsError({
            code: 'PROXY_UNREACHABLE',
            message: `HAProxy does not answer at ${this.#socket} (${(cause as NodeJS.ErrnoException).code ?? cause.message}).`,
            hint: hint`Is it running? In the sandbox: ${command('sandbox:up')}`,
            cause,
          }),
        ),
      );
    });
  }
}
