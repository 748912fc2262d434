// Uses nothing: what Swarm says here is what an engine said on a machine (20.10).
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Answer, judge, readyOn, runs, type Sight } from '../../src/swarm/sight.ts';
import { serviceSpec } from '../../src/swarm/spec.ts';
import type { Service, Task } from '../../src/swarm/types.ts';

const test = suite('what is seen of a slot');
const deployment = { slot: 'green' as const, version: 'v2', commit: 'c', digest: 'd' };

function service(update?: Service['UpdateStatus']): Service {
  const labels = { 'drydock.version': 'v2', 'drydock.commit': 'c', 'drydock.digest': 'd' };
  const wanted = { name: 'shop-green', labels, image: 'r/shop@sha256:0', env: {}, constraints: [] };
  const Spec = serviceSpec({ ...wanted, instances: 2, graceMs: 1, force: 7 });
  return { ID: 's', Version: { Index: 1 }, Spec, ...(update ? { UpdateStatus: update } : {}) };
}

function task(
  node: number | undefined,
  State: string,
  more: Partial<Task['Status']> & { force?: number; desired?: string } = {},
): Task {
  const { force = 7, desired = 'running', ...status } = more;
  return {
    ID: `t${node}`,
    Slot: node ?? 1,
    ...(node ? { NodeID: `n${node}` } : {}),
    CreatedAt: '2026-01-01T00:00:00Z',
    DesiredState: desired,
    Status: { State, Timestamp: '2026-01-01T00:00:00Z', ...status },
    Spec: { ContainerSpec: { Image: 'r/shop', Labels: { 'drydock.version': 'v2' } }, ForceUpdate: force },
  };
}

function answer(node: number, version: string | undefined, machine: Partial<Answer['machine']> = {}): Answer {
  const address = `10.0.0.${node}`;
  return {
    machine: { id: `n${node}`, name: `web-${node}`, address, up: true, active: true, ...machine },
    address: `http://${address}:8081`,
    answers: version !== undefined,
    ready: version !== undefined,
    version,
  };
}

const both = [task(1, 'running'), task(2, 'running')];
const says = (sight: Partial<Sight>) => {
  const verdict = judge(
    { service: service(), tasks: both, answers: [answer(1, 'v2'), answer(2, 'v2')], ...sight },
    deployment,
  );
  return verdict.is === 'ready' ? 'ready' : `${verdict.is}: ${verdict.says}`;
};

test('ready is what every instance says of itself, once Swarm has finished', () => {
  assert.is(says({}), 'ready');
  assert.is(says({ service: service({ State: 'completed' }) }), 'ready');
  assert.match(says({ service: service({ State: 'updating' }) }), /^waiting: Swarm still watches/);
  assert.is(says({ answers: [answer(1, 'v2'), answer(2, 'v1')] }), 'waiting: web-2 answers as version v1');
  assert.is(
    says({ answers: [answer(1, 'v2'), answer(2, undefined)] }),
    'waiting: web-2 does not answer at http://10.0.0.2:8081',
  );
});

test('what Swarm calls converged is not: it paused, or went back to the version before', () => {
  const Message = 'update paused due to failure or early termination of task x';
  assert.is(says({ service: service({ State: 'paused', Message }) }), `failed: ${Message}`);
  assert.match(says({ service: service({ State: 'rollback_completed' }) }), /^failed: /);
  const early = task(2, 'failed', { Err: 'task: non-zero exit (1)', desired: 'shutdown' });
  assert.is(says({ tasks: [task(1, 'running'), early] }), 'failed: web-2: task: non-zero exit (1)');
  const rejected = task(2, 'rejected', { Err: 'No such image: r/shop@sha256:0' });
  assert.match(says({ tasks: [task(1, 'running'), rejected] }), /^failed: web-2: No such image/);
  const earlier = task(2, 'failed', { force: 6, desired: 'shutdown' });
  assert.is(says({ tasks: [...both, earlier] }), 'ready', 'of an attempt before this one');
  const other = { ...service(), Spec: { ...service().Spec, Labels: { 'drydock.version': 'v1' } } };
  assert.is(says({ service: other }), 'failed: its service holds version v1');
  assert.match(says({ service: undefined }), /^failed: Swarm does not have/);
});

test('a machine that is away is waited for and named, one that a person has taken out is not', () => {
  const pending = task(undefined, 'pending', { Err: 'no suitable node (1 node not available for new tasks)' });
  const old = task(2, 'running', { force: 6, desired: 'shutdown' });
  const tasks = [task(1, 'running'), pending, old];
  const away = answer(2, 'v1', { up: false });
  assert.is(
    says({ tasks, answers: [answer(1, 'v2'), away] }),
    'waiting: the managers of the swarm do not hear from web-2',
  );
  const out = answer(2, 'v1', { up: false, active: false });
  assert.is(says({ tasks, answers: [answer(1, 'v2'), out] }), 'ready');
});

test('an old version that a cut-off machine goes on with gets no traffic, and is not held against the one that runs', () => {
  const sight = {
    service: service(),
    tasks: [task(1, 'running')],
    answers: [answer(1, 'v2'), answer(2, 'v1', { up: false })],
  };
  assert.equal(
    readyOn(sight, deployment).map(({ machine }) => machine.name),
    ['web-1'],
  );
  assert.ok(runs(sight));
  assert.not.ok(
    runs({ ...sight, answers: [answer(1, 'v2'), answer(2, 'v1')] }),
    'one of two, and both machines are there',
  );
});

test.run();
