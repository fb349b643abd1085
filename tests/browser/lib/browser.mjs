// The distribution's Chromium, cut off from everything but the pages under test.

import { chromium } from 'playwright-core';

const FLAGS = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-default-apps',
  '--disable-domain-reliability',
  '--disable-sync',
  '--disable-dev-shm-usage',
  '--force-color-profile=srgb',
];

/** The browser that LONJA_CHROMIUM names, without its sandbox, which needs rights that CI has not. */
export function launch() {
  const executablePath = process.env.LONJA_CHROMIUM || '/usr/bin/chromium';
  return chromium.launch({ executablePath, headless: true, chromiumSandbox: false, args: FLAGS, timeout: 60_000 });
}

/**
 * A page in a context of its own. `page.troubles` collects what a reader would not see: errors in
 * the console, requests that failed, and requests that left the site.
 */
export async function openPage(browser, { script = true, reuse } = {}) {
  const context = reuse ?? (await browser.newContext({ javaScriptEnabled: script, locale: 'en-GB', timezoneId: 'UTC', acceptDownloads: true }));
  context.setDefaultTimeout(60_000);
  const page = await context.newPage();
  page.troubles = [];
  page.script = script;
  page.on('pageerror', (error) => page.troubles.push(`script error: ${error.message}`));
  page.on('console', (message) => {
    // An answer of 400 and more is judged below, where it is known whether it is the page itself.
    const answered = /^Failed to load resource: the server responded with a status of/.test(message.text());
    if (message.type() === 'error' && !answered) page.troubles.push(`console: ${message.text()}`);
  });
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (['http:', 'https:', 'ws:', 'wss:'].includes(url.protocol) && url.hostname !== '127.0.0.1' && url.hostname !== 'localhost') {
      page.troubles.push(`a page asked a stranger: ${request.url()}`);
    }
  });
  page.on('response', (response) => {
    const isPage = response.request().isNavigationRequest();
    if (response.status() >= 400 && !isPage) page.troubles.push(`${response.status()} for ${response.url()}`);
  });
  return page;
}
