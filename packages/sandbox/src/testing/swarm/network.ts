import { execFileSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { requireTool } from '@drydock/kit';

/** Addresses of one machine and of our end of the cable to it, from the range for tests of networks (RFC 2544). */
export interface Cable {
  /** Of the machine. */
  address: string;
  /** Of this machine, to it. */
  gateway: string;
  /** Name of our end. */
  link: string;
}

/** Chosen anew for each swarm: several stand beside each other. */
export function cables(machines: number): Cable[] {
  const [third, fourth, tag] = [randomInt(256), randomInt(16) * 16, randomInt(0x10000).toString(16)];
  return Array.from({ length: machines }, (_, n) => ({
    address: `198.18.${third}.${fourth + n * 4 + 2}`,
    gateway: `198.18.${third}.${fourth + n * 4 + 1}`,
    link: `dd${tag}m${n + 1}`,
  }));
}

/** Puts a machine on its cable to us. The cable is gone with the machine. */
export function plugIn({ link, gateway }: Cable, pid: number): void {
  ip('link', 'add', link, 'type', 'veth', 'peer', 'name', 'outside', 'netns', String(pid));
  ip('address', 'add', `${gateway}/30`, 'dev', link);
  ip('link', 'set', link, 'up');
}

/** A cable between two machines: each knows its end by the number of the other. */
export function connectMachines(first: Plugged, second: Plugged): void {
  const peer = ['peer', 'name', `to${first.number}`, 'netns', String(second.pid)];
  ipIn(first.pid, 'link', 'add', `to${second.number}`, 'type', 'veth', ...peer);
  for (const [at, to] of [[first, second] as const, [second, first] as const]) reconnect(at, to);
}

export interface Plugged {
  number: number;
  pid: number;
  cable: Cable;
}

/** A link that comes up has no routes. */
export function reconnect({ pid, cable }: Plugged, to: Plugged): void {
  ipIn(pid, 'link', 'set', `to${to.number}`, 'up');
  ipIn(pid, 'route', 'replace', `${to.cable.address}/32`, 'dev', `to${to.number}`, 'src', cable.address);
}

export function plugInAgain({ pid, cable }: Plugged): void {
  ipIn(pid, 'link', 'set', 'outside', 'up');
  ipIn(pid, 'route', 'replace', 'default', 'via', cable.gateway);
}

export function pull({ pid }: Plugged, link: string): void {
  ipIn(pid, 'link', 'set', link, 'down');
}

function ipIn(pid: number, ...args: string[]): void {
  const inside = ['--net', '--target', String(pid), requireTool('ip'), ...args];
  execFileSync(requireTool('nsenter'), inside, { stdio: 'pipe' });
}

function ip(...args: string[]): void {
  execFileSync(requireTool('ip'), args, { stdio: 'pipe' });
}

/** The process that a tool of ours has begun in the machine. */
export function childOf(pid: number): number | undefined {
  try {
    return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')[0]) || undefined;
  } catch {
    return undefined;
  }
}
