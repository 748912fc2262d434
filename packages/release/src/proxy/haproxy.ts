import { accessSync, constants } from 'node:fs';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import {
  command,
  haproxyCommandWord,
  hint,
  IN_SANDBOX,
  OpsError,
  proxyFilesOf,
  usageError,
  writeDurably,
} from '@drydock/kit';
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
  /** A proxy that starts again sends to the machine that it was told, not to the one of its config. */
  keepsAddress: boolean;
}

/** Since HAProxy was started. */
export interface ServerCounts {
  name: string;
  requests: number;
  /** Answered with 500 or above, or not at all. */
  failed: number;
  /** How many requests the time goes by. */
  timed: number;
  /** Until an answer begins, on average over the last 1,024 of them. */
  meanMs: number;
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
  readonly socket: string;
  readonly stateFile: string;
  readonly backend: string;

  readonly #owner: string | undefined;

  /** `owner`: whose traffic it must be, `shop/production`. */
  constructor({
    socket,
    stateFile,
    backend,
    owner,
  }: Pick<Haproxy, 'socket' | 'stateFile' | 'backend'> & { owner?: string }) {
    this.socket = socket;
    this.stateFile = stateFile;
    this.backend = backend;
    this.#owner = owner;
  }

  /**
   * Is it there, is it ours, has it a server for each instance in each slot, and can its state be kept? Changes nothing. `elsewhere`: versions run on
   * other machines.
   */
  async preflight(instances = 1, { elsewhere = false } = {}): Promise<string> {
    const servers = await this.servers();
    for (const slot of SLOTS) this.refuseTooFew(servers, slot, instances);
    const forgetful = elsewhere && servers.find(({ keepsAddress }) => !keepsAddress);
    if (forgetful)
      throw notSetUp(
        `HAProxy at ${this.socket} would forget the machine of ${forgetful.name} when it starts again: in its config it has an address, and not a name with init-addr last.`,
      );
    await this.refuseAnother();
    try {
      accessSync(dirname(this.stateFile), constants.W_OK);
    } catch (cause) {
      throw new OpsError({
        code: 'PROXY_STATE_NOT_WRITABLE',
        message: `The folder of ${this.stateFile} cannot be written: a proxy that starts again would not know what is live.`,
        hint: 'Make it writable for you, or name another in release.proxy.stateFile and in server-state-file of HAProxy.',
        cause,
      });
    }
    return `HAProxy at ${this.socket}, backend ${this.backend}`;
  }

  refuseTooFew(servers: readonly ServerState[], slot: Slot, instances: number): void {
    const count = servers.filter((server) => server.slot === slot).length;
    if (count >= instances) return;
    const has = count === 0 ? `no server ${slot}` : `only ${count} of the ${instances} servers ${slot}, ${slot}-2 …`;
    throw notSetUp(`HAProxy at ${this.socket} has ${has} in its backend ${this.backend}.`);
  }

  /** One that says whose it is must be ours. */
  async refuseAnother(): Promise<void> {
    const owner = (await this.map(proxyFilesOf(this).map))?.get('owner');
    if (owner === undefined || this.#owner === undefined || owner === this.#owner) return;
    throw usageError(
      'PROXY_OF_ANOTHER',
      `HAProxy at ${this.socket} stands in front of ${owner}, not of ${this.#owner}.`,
      'Name the right one in the variable of release.proxy.socket.',
    );
  }

  /** What a map file holds in HAProxy; undefined where its config has no such map. */
  async map(file: string): Promise<Map<string, string> | undefined> {
    const text = await this.#send(`show map ${haproxyCommandWord(file)}`);
    if (/^Unknown map/m.test(text)) return undefined;
    const rows = text.split('\n').filter(Boolean);
    return new Map(rows.map((row) => row.split(' ')).map(([, key = '', value = '']) => [key, value]));
  }

  /** Undefined takes a key out. No value may have a space. */
  async setMap(file: string, entries: Readonly<Record<string, string | undefined>>): Promise<void> {
    const had = await this.map(file);
    const name = haproxyCommandWord(file);
    const words = Object.entries(entries).flatMap(([key, value]) => {
      if (value === undefined) return had?.has(key) ? [`del map ${name} ${key}`] : [];
      return [`${had?.has(key) ? 'set' : 'add'} map ${name} ${key} ${value}`];
    });
    if (words.length > 0) refuseRefusal(await this.#send(words.join('; ')), `a change of ${file}`);
  }

  async servers(): Promise<ServerState[]> {
    const text = await this.#send(`show servers state ${this.backend}`);
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
          keepsAddress: at(row, 'srv_fqdn') !== '-',
        };
        return name ? [{ server, number: Number(number) }] : [];
      })
      .sort((a, b) => a.number - b.number)
      .map(({ server }) => server);
  }

  /** Requests that the servers of a slot are answering now. */
  async sessions(slot: Slot): Promise<number> {
    return (await this.#stat(slot)).reduce((sum, row) => sum + row.number('scur'), 0);
  }

  /** What each server of a slot has been asked since the proxy was started. */
  async counts(slot: Slot): Promise<ServerCounts[]> {
    return (await this.#stat(slot)).map(({ name, number }) => {
      const answered = ['1xx', '2xx', '3xx', '4xx', '5xx', 'other'].reduce(
        (all, kind) => all + number(`hrsp_${kind}`),
        0,
      );
      // No connection, or one that ended before an answer.
      const unanswered = number('econ') + number('eresp');
      return {
        name,
        requests: answered + unanswered,
        failed: number('hrsp_5xx') + unanswered,
        timed: number('req_tot'),
        meanMs: number('rtime'),
      };
    });
  }

  /** Its servers as `show stat` has them (management guide, 9.1). */
  async #stat(slot: Slot): Promise<{ name: string; number(column: string): number }[]> {
    const text = await this.#send('show stat');
    const [header = '', ...rows] = text.split('\n').filter(Boolean);
    const columns = header.replace(/^# /, '').split(',');
    return rows
      .map((line) => line.split(','))
      .filter(([backend, name = '']) => backend === this.backend && SERVER.exec(name)?.[1] === slot)
      .map((cells) => ({
        name: cells[1] ?? '',
        number: (column: string) => Number(cells[columns.indexOf(column)] || 0),
      }));
  }

  async point(server: string, { host, port }: Target): Promise<void> {
    await this.#set(server, `addr ${host} port ${port}`);
  }

  /** `drain`: finishes what it has, gets nothing new. `maint`: gets nothing and is not checked. */
  async setState(servers: readonly string[], state: 'ready' | 'drain' | 'maint', { kept = true } = {}): Promise<void> {
    for (const server of servers) await this.#set(server, `state ${state}`);
    if (kept) await this.keep();
  }

  async #set(server: string, what: string): Promise<void> {
    refuseRefusal(await this.#send(`set server ${this.backend}/${server} ${what}`), `"${what}" for ${server}`);
  }

  /** What HAProxy loads when it starts again, so that a restart of it changes nothing. */
  async keep(): Promise<void> {
    const state = await this.#send('show servers state');
    try {
      writeDurably(this.stateFile, `${state.trimEnd()}\n`, 0o644);
    } catch (cause) {
      throw new OpsError({
        code: 'PROXY_STATE_NOT_WRITABLE',
        message: `${this.stateFile} cannot be written (${(cause as NodeJS.ErrnoException).code}): a proxy that starts again would not know what is live.`,
        hint: 'Make it writable for you, or free disk space.',
        cause,
      });
    }
  }

  #send(what: string): Promise<string> {
    return new Promise((done, fail) => {
      let answer = '';
      const socket = connect(this.socket, () => socket.write(`${what}\n`));
      socket.setTimeout(5_000, () => socket.destroy(new Error('no answer within 5 s')));
      socket.on('data', (chunk) => {
        answer += chunk;
      });
      socket.on('end', () => done(answer));
      socket.on('error', (cause) =>
        fail(
          new OpsError({
            code: 'PROXY_UNREACHABLE',
            message: `HAProxy does not answer at ${this.socket} (${(cause as NodeJS.ErrnoException).code ?? cause.message}).`,
            hint: hint`Is it running?${IN_SANDBOX}`,
            cause,
          }),
        ),
      );
    });
  }
}

/** Successful changes of an address are told, others are silent; refusals speak of "no such", "can't" and the like. */
function refuseRefusal(answer: string, what: string): void {
  if (!/no such|can't|cannot|must|invalid|denied|unknown|not found/i.test(answer)) return;
  throw new OpsError({ code: 'PROXY_REFUSED', message: `HAProxy refused ${what}: ${answer.trim()}.` });
}

export function notSetUp(message: string): OpsError {
  return usageError('PROXY_NOT_SET_UP', message, hint`The configuration that it needs: ${command('release:proxy')}`);
}
