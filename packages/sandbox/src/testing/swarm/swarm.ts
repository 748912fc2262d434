import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findTool, freePort, listDaemons, requireTool } from '@drydock/kit';
import { bareEnvironment } from '@drydock/kit/testing';
import { startThrowAway, testRoot } from '../root.ts';
import {
  type Cable,
  cables,
  childOf,
  connectMachines,
  type Plugged,
  plugIn,
  plugInAgain,
  pull,
  reconnect,
} from './network.ts';

export interface TestMachine {
  name: string;
  /** Where it is reached from here, and what runs on it. */
  address: string;
  /** A process in it. */
  pid: number;
  /** What DOCKER_HOST holds. */
  engine: string;
  /** The managers hear no more from it; what runs there goes on, and is reached from here. */
  cutOff(): void;
  /** As if it had no current. */
  unplug(): void;
  /** Both of these, mended. */
  heal(): void;
}

export interface TestSwarm {
  /** The first is the manager. */
  machines: TestMachine[];
  /** `198.18.3.1:39617`: of images, without a password or TLS. */
  registry: string;
  stop(): Promise<void>;
}

const TOOLS = ['dockerd', 'docker', 'docker-registry', 'unshare', 'nsenter', 'ip'] as const;

/** Why there can be no swarm here; undefined where there can. */
export function swarmIsMissing(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'an engine of its own is for root on Linux';
  const missing = TOOLS.filter((tool) => !findTool(tool));
  if (missing.length > 0) return `${missing.join(', ')} missing: npm run prepare-machine`;
  try {
    const pair = ['link', 'add', 'here', 'type', 'veth', 'peer', 'name', 'there'];
    execFileSync(requireTool('unshare'), ['--net', requireTool('ip'), ...pair], { stdio: 'pipe' });
    return undefined;
  } catch (error) {
    return `this system has no veth: ${String((error as { stderr?: Buffer }).stderr).trim()}`;
  }
}

/** A real, throw-away swarm of one or two machines, each with an engine, a network and a name of its own, and a registry. */
export async function startTestSwarm({ machines: count }: { machines: 1 | 2 }): Promise<TestSwarm> {
  const plan = cables(count);
  // Its address is there once the first machine is.
  const address = `${plan[0]?.gateway}:${await freePort()}`;
  const started: Started[] = [];
  const running: { stop(): Promise<void> }[] = [];
  const stop = async () => {
    for (const each of running) await each.stop();
  };
  try {
    for (const [n, cable] of plan.entries()) {
      const machine = await startMachine(n + 1, cable, address, started);
      for (const other of started) connectMachines(other, machine);
      started.push(machine);
      running.push(machine);
    }
    running.push(await startRegistry(address));
    const [manager, ...workers] = started as [Started, ...Started[]];
    docker(manager, 'swarm', 'init', '--advertise-addr', manager.address, '--dispatcher-heartbeat', '2s');
    const token = docker(manager, 'swarm', 'join-token', '--quiet', 'worker').trim();
    for (const each of workers)
      docker(each, 'swarm', 'join', '--token', token, '--advertise-addr', each.address, `${manager.address}:2377`);
    return { machines: started, registry: address, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

type Started = TestMachine & Plugged & { stop(): Promise<void> };

/** `others`: of the swarm, also those that come after it. */
async function startMachine(number: number, cable: Cable, registry: string, others: Plugged[]): Promise<Started> {
  const root = testRoot('machine');
  const name = `machine-${number}`;
  mkdirSync(join(root, 'data'));
  const socket = join(root, 'engine.sock');
  let pid: number | undefined;
  const isPlugged = async () => {
    if (pid !== undefined) return true;
    const leader = (await listDaemons(root)).find((daemon) => daemon.name === name)?.pid;
    pid = leader && childOf(leader);
    if (pid === undefined) return false;
    plugIn(cable, pid);
    return true;
  };
  const { stop } = await startThrowAway(
    root,
    name,
    async () => ({
      command: requireTool('unshare'),
      args: [
        ...['--pid', '--fork', '--kill-child=KILL', '--mount', '--mount-proc', '--net', '--uts', 'sh'],
        ...[join(import.meta.dirname, 'machine.sh'), name, root, cable.address, cable.gateway, registry],
      ],
      env: bareEnvironment(),
      cwd: root,
    }),
    async () => (await isPlugged()) && isEngine(socket),
  );
  const plugged = { number, pid: pid as unknown as number, cable };
  const rest = () => others.filter((other) => other.number !== number);
  const cutOff = () => {
    for (const other of rest()) pull(plugged, `to${other.number}`);
  };
  return {
    ...plugged,
    name,
    address: cable.address,
    engine: `unix://${socket}`,
    cutOff,
    unplug() {
      cutOff();
      pull(plugged, 'outside');
    },
    heal() {
      plugInAgain(plugged);
      for (const other of rest()) {
        reconnect(plugged, other);
        reconnect(other, plugged);
      }
    },
    async stop() {
      // The first process of a machine takes no signal but this, and all others end with it.
      process.kill(plugged.pid, 'SIGKILL');
      await stop();
    },
  };
}

function docker({ engine }: Pick<TestMachine, 'engine'>, ...args: string[]): string {
  return execFileSync(requireTool('docker'), ['--host', engine, ...args], { encoding: 'utf8', stdio: 'pipe' });
}

async function isEngine(socket: string): Promise<boolean> {
  try {
    docker({ engine: `unix://${socket}` }, 'version');
    return true;
  } catch {
    return false;
  }
}

async function startRegistry(address: string): Promise<{ stop(): Promise<void> }> {
  const root = testRoot('registry');
  const file = join(root, 'registry.yml');
  const config = {
    version: 0.1,
    log: { level: 'warn' },
    storage: { filesystem: { rootdirectory: join(root, 'images') }, delete: { enabled: true } },
    http: { addr: address },
  };
  writeFileSync(file, JSON.stringify(config));
  return startThrowAway(
    root,
    'registry',
    async () => ({
      command: requireTool('docker-registry'),
      args: ['serve', file],
      env: bareEnvironment(),
      cwd: root,
    }),
    () =>
      fetch(`http://${address}/v2/`).then(
        ({ ok }) => ok,
        () => false,
      ),
    Number(address.split(':')[1]),
  );
}
