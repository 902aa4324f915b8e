// A real Chromium, and pages in it that fail their test on any error: an exception, a message on the console, a
// violation of the Content-Security-Policy, a request that fails, an answer that is an error, a request to anyone but the
// service.
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { api, startService } from './service.js';
import { chromium } from './tools.js';

/** How long one test may take, in milliseconds. */
const LIMIT = 120_000;
/** How long an element may take to become as wanted. */
const SOON = 30_000;

export const DESKTOP = { width: 1440, height: 900 };
export const PHONE = { width: 360, height: 740 };

export const launch = () =>
  chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    // The tests may run as root and in a container, where Chromium's sandbox does not work and /dev/shm is small.
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--js-flags=--expose-gc', '--enable-precise-memory-info'],
  });

/**
 * A browser, and a service (its options, or what makes them) unless `service` is null, for all tests of a file.
 *
 * `prepare` gets the stage when both are there.
 */
export function useStage(service = {}, prepare = async () => {}) {
  const stage = {
    browser: null,
    service: null,
    get url() {
      return stage.service.url;
    },
    /** Asks the service's API, as another client would. */
    api: (method, path, body) => api(stage.url, stage.service.token)(method, path, body),
    /** A test with a page of its own, which `body` gets; `options` are those of `openPage`. */
    test(name, options, body) {
      test(name, { timeout: options.timeout ?? LIMIT }, (t) => withPage(stage, options, (page, opened) => body(page, { ...opened, t })));
    },
  };
  before(async () => {
    stage.browser = await launch();
    if (service) stage.service = await startService(typeof service === 'function' ? service() : service);
    await prepare(stage);
  }, { timeout: LIMIT });
  after(async () => {
    await stage.browser?.close();
    await stage.service?.stop();
  }, { timeout: LIMIT });
  return stage;
}

async function withPage(stage, options, body) {
  const opened = await openPage(stage, options);
  try {
    await body(opened.page, opened);
    // What was said after the last step counts as well.
    await opened.page.evaluate(() => new Promise((resolve) => setTimeout(resolve)));
    assert.deepEqual(opened.problems, []);
  } catch (error) {
    await show(opened, error);
    throw error;
  } finally {
    await opened.page.unrouteAll({ behavior: 'ignoreErrors' });
    await opened.page.context().close();
  }
}

/**
 * Opens `path` of the service in a context of its own.
 *
 * `allowed` are patterns of problems that the test provokes. The other options are Playwright's. `beforeLoad` gets the
 * page while it is still blank.
 */
export async function openPage(stage, options = {}) {
  const { path = '/', url = stage.url, allowed = [], beforeLoad = async () => {}, timeout: _, ...context } = options;
  const opened = await stage.browser.newContext({
    viewport: DESKTOP,
    colorScheme: 'light',
    locale: 'en-GB',
    timezoneId: 'UTC',
    permissions: ['clipboard-read', 'clipboard-write'],
    ...context,
  });
  const page = await opened.newPage();
  page.setDefaultTimeout(SOON);
  const problems = [];
  guard(page, url, (problem) => {
    if (!allowed.some((pattern) => pattern.test(problem))) problems.push(problem);
  });
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI, sample }) =>
      console.error(`violation of the Content-Security-Policy: ${violatedDirective} ${blockedURI} ${sample}`));
  });
  await beforeLoad(page);
  await page.goto(url + path);
  return { page, problems };
}

function guard(page, url, report) {
  const origin = new URL(url).origin;
  page.on('pageerror', (error) => report(`exception: ${error.stack ?? error.message}`));
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) {
      report(`console: ${message.text()} (${message.location().url})`);
    }
  });
  page.on('request', (request) => {
    const asked = new URL(request.url());
    if (!['data:', 'blob:', 'about:'].includes(asked.protocol) && asked.origin !== origin) {
      report(`request to somebody else: ${request.url()}`);
    }
  });
  page.on('requestfailed', (request) => {
    const why = request.failure()?.errorText;
    // The page itself gave up on it, as it does with a stream when another page is shown.
    if (why !== 'net::ERR_ABORTED') report(`request failed: ${request.method()} ${request.url()}: ${why}`);
  });
  page.on('response', (response) => {
    if (response.status() >= 400) {
      report(`answer: ${response.status()} to ${response.request().method()} ${response.url()}`);
    }
  });
  page.on('dialog', (dialog) => {
    report(`dialog of the browser: ${dialog.message()}`);
    dialog.dismiss().catch(() => {});
  });
}

/** What was on the page when a test failed. */
async function show({ page, problems }, error) {
  if (page.isClosed()) return;
  const text = await page.locator('body').ariaSnapshot({ timeout: 5_000 }).catch((reason) => `unknown: ${reason.message}`);
  const lines = text.split('\n');
  const shown = lines.length > 120 ? [...lines.slice(0, 120), `... ${lines.length - 120} lines more`] : lines;
  error.message += `\n\nproblems: ${JSON.stringify(problems, null, 2)}\n${page.url()} was:\n${shown.join('\n')}`;
  const folder = process.env.BROWSER_TEST_FAILURES;
  if (folder) {
    await mkdir(folder, { recursive: true });
    await page.screenshot({ path: join(folder, `${Date.now()}.png`) }).catch(() => {});
  }
}

/** What is in the clipboard, which the service's own pages may write but not read. */
export async function clipboardText(page) {
  const reader = await page.context().newPage();
  await reader.route('**/*', (route) => route.fulfill({ contentType: 'text/html', body: '' }));
  await reader.goto(new URL('/clipboard', page.url()).href);
  const text = await reader.evaluate(() => navigator.clipboard.readText());
  await reader.close();
  return text;
}
