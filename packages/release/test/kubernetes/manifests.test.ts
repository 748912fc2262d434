// Uses no service: what is printed for a cluster.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DIGEST, type Manifest, makeProduct, only, print, SECRETS } from './product.ts';

const test = suite('release:manifests');
const IMAGES = ['--image', `registry.example/shop:v12@${DIGEST}`, '--operations-image', `ops@${DIGEST}`];

/** A test's product lies outside the toolkit, which is said of each. */
const told = (findings: readonly { code: string }[]) =>
  findings.map(({ code }) => code).filter((code) => code !== 'CONFIG_ELSEWHERE');
const variableOf = ({ spec }: Manifest, name: string) =>
  spec.template.spec.containers[0].env.find((one: { name: string }) => one.name === name);

test('a rollout has never a pod less than it should, and takes a version that falls over for none', async () => {
  const { manifests, findings, error } = await print(makeProduct(), ...IMAGES);
  assert.equal([error, told(findings)], [undefined, []]);
  const { spec } = only(manifests, 'Deployment');
  assert.equal(spec.strategy, { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } });
  assert.ok(spec.replicas >= 2 && spec.minReadySeconds > 0);
  assert.ok(spec.progressDeadlineSeconds > 13 + spec.minReadySeconds, 'it is given the time that the config gives it');
  const pod = spec.template.spec;
  const [{ startupProbe, readinessProbe, livenessProbe, lifecycle }] = pod.containers;
  assert.equal(startupProbe.httpGet, { path: '/ready', port: 'http' });
  assert.ok(startupProbe.failureThreshold * startupProbe.periodSeconds >= 12.345);
  assert.equal(readinessProbe.httpGet, startupProbe.httpGet);
  assert.equal(livenessProbe.tcpSocket, { port: 'http' }, 'the database away is no reason to start again');
  assert.ok(pod.terminationGracePeriodSeconds > lifecycle.preStop.sleep.seconds + 7, 'and the time to drain');
  const budget = only(manifests, 'PodDisruptionBudget').spec;
  assert.is(budget.maxUnavailable, 1);
  assert.equal(budget.selector, spec.selector);
  assert.equal(only(manifests, 'Service').spec.selector, spec.selector.matchLabels);
  for (const [key, value] of Object.entries(spec.selector.matchLabels))
    assert.is(spec.template.metadata.labels[key], value);
});

test('pods are those of the "restricted" standard', async () => {
  const { manifests } = await print(makeProduct({ user: 4_711 }), ...IMAGES);
  const pods = manifests.flatMap(({ kind, spec }) =>
    kind === 'CronJob' ? [spec.jobTemplate.spec.template.spec] : spec.template ? [spec.template.spec] : [],
  );
  assert.is(pods.length, 5);
  for (const { securityContext, containers, automountServiceAccountToken, hostNetwork } of pods) {
    assert.equal([automountServiceAccountToken, hostNetwork], [false, undefined]);
    assert.is(securityContext.runAsNonRoot, true);
    assert.equal(securityContext.seccompProfile, { type: 'RuntimeDefault' });
    for (const container of containers) {
      assert.is(container.securityContext.allowPrivilegeEscalation, false);
      assert.equal(container.securityContext.capabilities, { drop: ['ALL'] });
    }
  }
  const web = only(manifests, 'Deployment').spec.template.spec;
  assert.equal(
    [web.securityContext.runAsUser, web.containers[0].securityContext.readOnlyRootFilesystem],
    [4_711, true],
  );
});

test('secrets come by name, what is none stands in the pod, and nothing is the operator’s', async () => {
  const { manifests, text } = await print(makeProduct({ variables: { HOST: '0.0.0.0' } }), ...IMAGES);
  assert.not.match(text, /canary-of|9f8e7d6c5b4a/);
  const deployment = only(manifests, 'Deployment');
  const ref = (key: string, optional?: true) => ({
    name: key,
    valueFrom: { secretKeyRef: { name: 'corner-shop-staging', key, ...(optional ? { optional } : {}) } },
  });
  for (const name of Object.keys(SECRETS)) assert.equal(variableOf(deployment, name), ref(name));
  assert.equal(variableOf(deployment, 'REDIS_URL'), ref('REDIS_URL', true), 'one that is not set here may be there');
  assert.equal(
    variableOf(deployment, 'PARTNER_URL'),
    ref('PARTNER_URL', true),
    'an address with a key in it is a secret',
  );
  assert.is(variableOf(deployment, 'COLOUR').value, 'a: "blue" # & *new*');
  assert.is(variableOf(deployment, 'HOST').value, '0.0.0.0');
  assert.is(variableOf(deployment, 'APP_VERSION').value, 'v12');
  assert.is(variableOf(deployment, 'DRYDOCK_ENV').value, 'staging');
  assert.is(variableOf(deployment, 'PORT').value, '8080');
  assert.is(variableOf(deployment, 'OPS_DATABASE_URL'), undefined);
  assert.match(text, 'kubectl create secret generic corner-shop-staging --from-env-file=FILE');
});

test('the network lets in who may, and out to where the variables lead', async () => {
  const { manifests } = await print(makeProduct({ port: 9_000, ports: [9_090] }), ...IMAGES);
  const ports = ({ spec }: Manifest) =>
    spec.egress.flatMap((rule: Manifest) => rule.ports.map(({ port }: Manifest) => port));
  const product = only(manifests, 'NetworkPolicy', 'corner-shop-staging');
  assert.equal(product.spec.ingress, [
    { from: [{ namespaceSelector: {} }], ports: [{ port: 9_000, protocol: 'TCP' }] },
  ]);
  assert.equal(ports(product), [53, 53, 443, 6_379, 6_400, 6_543, 9_090]);
  const jobs = manifests.filter(({ kind }) => kind === 'Job' || kind === 'CronJob');
  for (const { kind, spec } of jobs) {
    const { labels } = (kind === 'CronJob' ? spec.jobTemplate.spec : spec).template.metadata;
    const policies = manifests.filter(
      (one) =>
        one.kind === 'NetworkPolicy' &&
        Object.entries(one.spec.podSelector.matchLabels).every(([key, value]) => labels[key] === value),
    );
    assert.is(policies.length, 1, kind);
    assert.equal(policies[0].spec.ingress, []);
    assert.equal(ports(policies[0]), [53, 53, 443, 7_654]);
  }
  const from = [{ namespace: { 'kubernetes.io/metadata.name': 'ingress' }, pods: { app: 'nginx' } }];
  const { manifests: closed } = await print(makeProduct({ from }), ...IMAGES);
  assert.equal(only(closed, 'NetworkPolicy', 'corner-shop-staging').spec.ingress[0].from, [
    { namespaceSelector: { matchLabels: from[0]?.namespace }, podSelector: { matchLabels: from[0]?.pods } },
  ]);
});

test('migrations are a Job of their own per version, not tried twice', async () => {
  const { manifests } = await print(makeProduct(), ...IMAGES);
  const { metadata, spec } = only(manifests, 'Job');
  assert.is(metadata.name, 'corner-shop-staging-migrate-0123456789');
  assert.is(spec.backoffLimit, 0);
  assert.equal(spec.template.spec.containers[0].command.slice(0, 6), [
    'npm',
    'run',
    'db:deploy',
    '--',
    '--env',
    'staging',
  ]);
  assert.is(spec.template.spec.restartPolicy, 'Never');
});

test('files come in the order in which they are applied, each by its name as well', async () => {
  const root = makeProduct();
  const { text, manifests } = await print(root, ...IMAGES);
  const kinds = manifests.map(({ kind }) => kind);
  assert.ok(kinds.lastIndexOf('NetworkPolicy') < kinds.indexOf('Job'));
  assert.ok(kinds.indexOf('Job') < kinds.indexOf('Deployment'));
  const names = [...text.matchAll(/^# (\S+\.yaml)$/gm)].map(([, name]) => name ?? '');
  const alone = await Promise.all(names.map((name) => print(root, ...IMAGES, '--file', name)));
  assert.equal(
    alone.flatMap((one) => one.manifests),
    manifests,
  );
  assert.is((await print(root, ...IMAGES, '--file', 'none.yaml')).error?.exit, 2);
});

test('what is not said, or will not be so in a pod, is told', async () => {
  const codes = async (root: string, ...args: string[]) => told((await print(root, ...args)).findings);
  assert.equal(await codes(makeProduct()), ['IMAGE_MISSING', 'IMAGE_MISSING']);
  assert.equal(await codes(makeProduct(), '--image', 'shop:v1', '--operations-image', `ops@${DIGEST}`), [
    'IMAGE_NOT_BY_DIGEST',
  ]);
  assert.equal(await codes(makeProduct({}, { backups: {} }), ...IMAGES), ['STORE_THROWN_AWAY']);
});

test('what can never work is refused, exit 2', async () => {
  const refused = async (root: string, ...args: string[]) => (await print(root, ...args)).error;
  for (const image of [
    'Shop Image',
    'shop@sha256:12',
    'shop:',
    '-shop:v1',
    'Shop:v1',
    'shop@md5:00',
    'shop\nkind: Secret',
  ])
    assert.is((await refused(makeProduct(), `--image=${image}`))?.code, 'IMAGE_MALFORMED', image);
  for (const wrong of [
    { replicas: 0 },
    { resources: { memory: 'much' } },
    { user: 0 },
    { writable: ['tmp'] },
    { replica: 3 },
  ]) {
    const error = await refused(makeProduct(wrong), ...IMAGES);
    assert.equal([error?.code, error?.exit], ['CONFIG_INVALID', 2]);
    assert.match(error?.message ?? '', `release.kubernetes.${Object.keys(wrong)[0]}`);
  }
  const without = await refused(makeProduct({}, { release: undefined }), ...IMAGES);
  assert.is(without?.code, 'RELEASE_NOT_CONFIGURED');
});

test.run();
