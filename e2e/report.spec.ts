// Uses Chromium, and the report on the product as its operators have it.
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { AxeBuilder } from '@axe-core/playwright';
import { exec } from '@drydock/kit';
import { taskFile } from '@drydock/kit/cli';
import { bareEnvironment, type TaskProcesses } from '@drydock/kit/testing';
import { type Browser, type BrowserContextOptions, expect, type Page, test } from '@playwright/test';
import { operateProduct } from './operated.ts';

test.skip(
  !process.env.PRODUCT_ENV && Boolean(process.env.BASE_URL),
  'only the product of the set-up lets us look behind it',
);

let tasks: TaskProcesses;
let file: string;
test.beforeAll(async () => {
  tasks = await operateProduct(process.env.BASE_URL ?? '', JSON.parse(process.env.PRODUCT_ENV ?? '{}'));
  // All environments, as it is without --env.
  const script = taskFile('health:report');
  const env = bareEnvironment();
  // A product that has just started may be slow to say that it is well.
  await expect(async () => {
    const { stdout } = await exec(process.execPath, [script, '--json', '--since', '24h'], { cwd: tasks.root, env });
    const { data } = JSON.parse(stdout);
    file = data.file;
    expect(data.environments.map(({ healthy }: { healthy: boolean }) => healthy)).toEqual([null, true, null]);
  }).toPass();
});

/** The report in a browser that has never been anywhere; everything it asks for or complains of is kept. */
async function open(browser: Browser, options: BrowserContextOptions, url = pathToFileURL(file).href) {
  const page = await (await browser.newContext(options)).newPage();
  const faults: string[] = [];
  page.on('console', (message) => faults.push(message.text()));
  page.on('pageerror', (error) => faults.push(error.message));
  page.on(
    'request',
    (request) => request.url() !== url && !request.url().startsWith('data:') && faults.push(request.url()),
  );
  await page.goto(url);
  return { page, faults };
}

/** For the docs: `SCREENSHOTS=docs npm run e2e -- report.spec -g light`. As far as the charts go. */
async function shoot(page: Page): Promise<void> {
  const folder = process.env.SCREENSHOTS;
  if (!folder) return;
  const box = await page.locator('.charts').first().boundingBox();
  const clip = { x: 0, y: 0, width: 1_200, height: (box?.y ?? 0) + (box?.height ?? 0) + 16 };
  await page.screenshot({ path: join(import.meta.dirname, '..', folder, 'health-report.png'), fullPage: true, clip });
}

/** With the rules of axe that can come out otherwise than in the first; all of them take seconds. */
const LOOKS: Record<string, { look: BrowserContextOptions; rules?: string[] }> = {
  light: { look: { viewport: { width: 1_200, height: 900 } } },
  dark: { look: { viewport: { width: 1_200, height: 900 }, colorScheme: 'dark' }, rules: ['color-contrast'] },
  phone: {
    look: { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true },
    rules: ['target-size', 'scrollable-region-focusable', 'meta-viewport'],
  },
};
for (const [name, { look, rules }] of Object.entries(LOOKS))
  test(`${name}: all is there, nothing is fetched, nobody is shut out, and it fits`, async ({ browser }) => {
    const { page, faults } = await open(browser, look);
    await expect(page.getByRole('heading', { level: 1, name: 'marketplace: operations' })).toBeVisible();
    await expect(page.getByRole('row', { name: /^staging ✔ healthy/ })).toBeVisible();
    await expect(page.getByRole('row', { name: /^production PUBLIC_URL is not set/ })).toBeVisible();
    for (const title of ['p95 of GET /api/jobs', 'error rate', 'cache hit ratio', 'rate-limit blocks', 'CPU', 'memory'])
      await expect(page.getByRole('img', { name: new RegExp(`^${title} From .* to .*, last`) })).toBeVisible();
    await expect(page.getByText('2 pending:')).toBeVisible();
    for (const what of ['D release', 'R rollback', 'K secrets:rotate'])
      await expect(page.getByRole('listitem').filter({ hasText: what })).toBeVisible();
    const axe = new AxeBuilder({ page });
    const { violations } = await (rules ? axe.withRules(rules) : axe).analyze();
    expect(violations.map(({ id, nodes }) => [id, nodes[0]?.html])).toEqual([]);
    expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth'), 'no sideways scrolling').toBe(
      true,
    );
    expect(faults).toEqual([]);
    if (name === 'light') await shoot(page);
    await page.context().close();
  });

test('by keyboard alone: past the links to the report, and the charts as a table', async ({ browser }) => {
  const { page } = await open(browser, {});
  await page.keyboard.press('Tab');
  await expect(page.getByRole('link', { name: 'Skip to the report' })).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('main')).toBeFocused();
  const summary = page.locator('summary');
  await summary.focus();
  await page.keyboard.press('Enter');
  const table = page.getByRole('group', { name: 'The charts of staging as a table' });
  await expect(table.getByRole('columnheader', { name: 'cache hit ratio' })).toBeVisible();
  expect(await table.getByRole('row').count()).toBeGreaterThan(100);
  await page.context().close();
});

test('what the report says is in --json as well, and no secret is in the file', async () => {
  const { data } = await tasks.ask('health:report', '--env', 'staging');
  const [{ env, healthy, objectives, pendingMigrations }] = data.environments;
  expect([env, healthy, pendingMigrations.length]).toEqual(['staging', true, 2]);
  const errors = objectives.find(({ id }: { id: string }) => id === 'errors');
  expect(errors.budgetLeft).toBeLessThan(1);
  const html = readFileSync(file, 'utf8');
  for (const [name, value] of Object.entries(JSON.parse(process.env.PRODUCT_ENV ?? '{}') as Record<string, string>))
    if (/TOKEN|KEY|DATABASE|REDIS/.test(name)) expect(html.includes(value), name).toBe(false);
  expect(existsSync(join(tasks.root, '.drydock/runs')), 'looking leaves no run behind').toBe(false);
});

test('the console serves the same page live', async ({ browser }) => {
  const child = tasks.start('console', '--port', '0', '--env', 'staging');
  try {
    const [line] = await once(child.stdout ?? child, 'data');
    const url = `${/http:\/\/127\.0\.0\.1:\d+/.exec(String(line))?.[0]}/`;
    const context = await browser.newContext();
    const page = await context.newPage();
    const faults: string[] = [];
    page.on('console', (message) => faults.push(message.text()));
    await page.clock.install();
    await page.goto(url);
    await expect(page.getByRole('row', { name: /^staging ✔ healthy/ })).toBeVisible();
    const { violations } = await new AxeBuilder({ page }).include('header').analyze();
    expect(violations.map(({ id }) => id)).toEqual([]);
    const shown = await page.getByText(/^From 20/).innerHTML();
    await expect(async () => {
      await page.clock.fastForward(11_000);
      expect(await page.getByText(/^From 20/).innerHTML()).not.toBe(shown);
    }).toPass({ timeout: 20_000 });
    await expect(page.getByRole('status')).toHaveText('Live.');
    await page.getByRole('button', { name: 'Pause' }).click();
    await expect(page.getByRole('status')).toHaveText('Paused.');
    expect(faults).toEqual([]);
    await context.close();
  } finally {
    const ended = once(child, 'exit');
    child.kill('SIGINT');
    await ended;
  }
});
