// The browser tests: every type of page of the marketplace and the explorer, wide and narrow, with
// and without script, and the ways through them in `flows/`.
//
// Pages are found by following links from the two home pages. Which there are is read from the sources
// (`lib/pages.mjs`): every type, which a page says in <body data-page="TYPE">, and every address must
// be found there or be met by a flow. A flow is a file in `flows/` that exports
// `async function flow({ browser, market })` and reports through `test`; where it meets a page that no
// link leads to, it calls `visit(page, site)`.

import { readFile, readdir } from 'node:fs/promises';
import { launch, openPage } from './lib/browser.mjs';
import { crawl } from './lib/crawl.mjs';
import { abroad, look, pageType, seen, visit } from './lib/look.mjs';
import { openMarket } from './lib/market.mjs';
import { declared, forgotten } from './lib/pages.mjs';
import { close, expect, test } from './lib/runner.mjs';

const EVERYTHING_SECONDS_MAX = 1800;
const here = new URL('.', import.meta.url);
const sites = JSON.parse(await readFile(new URL('pages.json', here), 'utf8'));

setTimeout(() => {
  console.log(`FAILED  the browser tests took longer than ${EVERYTHING_SECONDS_MAX} s`);
  process.exit(1);
}, EVERYTHING_SECONDS_MAX * 1000).unref();

const browser = await launch();
await test('the checks catch a bad page', 180, checksCatch);
const expected = {};
for (const [site, where] of Object.entries(sites)) {
  await test(`${site}: the sources say which pages there are`, 60, async () => { expected[site] = await declared(where); });
}
let market;
if (await test('a demonstration market starts', 620, async () => { market = await openMarket(); })) {
  for (const site of Object.keys(expected)) await everyPage(site);
  await flows();
  for (const site of Object.keys(expected)) await nothingForgotten(site);
  await test('links from one site to the other lead to a page', 180, linksAbroad);
  if (market.stop) await test('the market stops on Ctrl-C', 150, () => market.stop());
}
await browser.close();
process.exit(close());

/** Looks at one page of each type that links lead to. */
async function everyPage(site) {
  let addresses = new Map();
  // No link leads to an error, so none is looked for.
  const types = expected[site].types.filter((type) => type !== 'error');
  await test(`${site}: links lead to pages that say their type`, 360, async () => {
    addresses = await crawl(`${market[site]}/`, types);
    expect(addresses.size > 0, 'no page was found');
  });
  for (const [type, address] of addresses) {
    await test(`${site}/${type}`, 180, () => looksAt(address, site));
    await test(`${site}/${type} without script`, 120, () => readsWithoutScript(address, type));
  }
}

/** Looks at a page, once more where all that is wrong is that the network stood still for a moment. */
async function looksAt(address, site) {
  for (let tries = 2; ; tries -= 1) {
    const page = await openPage(browser);
    try {
      const answer = await page.goto(address, { waitUntil: 'load' });
      if ([502, 503].includes(answer.status())) throw new Error(`${address}\n${answer.status()} for ${address}`);
      return await visit(page, site);
    } catch (error) {
      // The address of the page comes first, then what was found.
      const [, ...found] = error.message.split('\n');
      const passes = found.length > 0 && found.every((one) => /^50[23] for /.test(one));
      if (!passes || tries === 1) throw error;
    } finally {
      await page.context().close();
    }
    await new Promise((resolve) => setTimeout(resolve, 5_000));
  }
}

/** Without script a page has the same type and heading, and something to read. */
async function readsWithoutScript(address, type) {
  const page = await openPage(browser, { script: false });
  await page.goto(address, { waitUntil: 'load' });
  expect((await pageType(page)) === type, 'another page comes without script');
  const heading = page.locator('main h1');
  expect((await heading.count()) === 1 && (await heading.isVisible()), 'main has no single visible h1');
  const text = await page.locator('main').innerText();
  expect(text.length > 40, `main says only: ${text}`);
  expect(!/(enable|requires|turn on) javascript/i.test(text), 'the page asks for script');
  const busy = await page.locator('[aria-busy="true"]:visible').count();
  expect(busy === 0, 'something waits for script for ever');
  await page.context().close();
}

async function flows() {
  const files = (await readdir(new URL('flows/', here))).filter((name) => name.endsWith('.mjs')).sort();
  for (const file of files) {
    const { flow } = await import(new URL(`flows/${file}`, here));
    await flow({ browser, market });
  }
}

/** Every type and every address that the sources declare was looked at, and no other type. */
async function nothingForgotten(site) {
  await test(`${site}: every type and every address of a page was looked at`, 60, async () => {
    const wrong = forgotten(expected[site], seen.filter((one) => one.site === site));
    expect(wrong.length === 0, wrong.join('\n'));
  });
}

/** One link of each form that leads from the pages looked at to the other site. */
async function linksAbroad() {
  expect(abroad.size > 0, 'no page has a link to the other site');
  let wrong = await withoutPage([...abroad]);
  if (wrong.length > 0) {
    // A site whose node is held up for a moment says so.
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    wrong = await withoutPage(wrong);
  }
  expect(wrong.length === 0, wrong.map(([form, href, said]) => `${said} for ${href} (${form})`).join('\n'));
}

/** Those of `links` that lead to no page, each with what is there instead. */
async function withoutPage(links) {
  const wrong = [];
  for (const [form, href] of links) {
    try {
      const answer = await fetch(href, { signal: AbortSignal.timeout(60_000) });
      await answer.body?.cancel();
      if (!answer.ok) wrong.push([form, href, answer.status]);
    } catch (error) {
      wrong.push([form, href, String(error.cause ?? error)]);
    }
  }
  return wrong;
}

/** A page with a fault of each kind must not pass, and a sound one must. */
async function checksCatch() {
  const sound = '<!doctype html><html lang="en"><title>t</title><body data-page="t"><main><h1>Sound</h1></main>';
  const faults = {
    'scrolls sideways': `${sound}<p style="width: 500px">wide</p>`,
    'image-alt': `${sound}<img src="data:,">`,
    'color-contrast': `${sound}<main><p style="color: #ccc; background: #fff">faint</p></main>`,
    'script error': `${sound}<script>throw new Error('x')</script>`,
    'asked a stranger': `${sound}<iframe title="f" src="http://192.0.2.1/"></iframe>`,
  };
  const page = await openPage(browser);
  await page.setContent(sound);
  await look(page);
  for (const [fault, html] of Object.entries(faults)) {
    await page.setContent(html, { waitUntil: 'commit' });
    await page.waitForTimeout(50);
    const finding = await look(page).then(() => 'nothing', (error) => error.message);
    expect(finding.includes(fault), `'${fault}' was not caught: ${finding}`);
  }
  await page.context().close();
  forgottenIsNamed();
}

/** A page that nobody looked at, and one that no source declares. */
function forgottenIsNamed() {
  const there = { types: ['home', 'thing'], routes: ['/', '/thing/{id}'] };
  const home = { type: 'home', path: '/' };
  const thing = { type: 'thing', path: '/thing/1' };
  for (const [met, findings] of [[[home, thing], 0], [[home], 2], [[home, { ...thing, path: '/thing/1/more' }], 1], [[home, thing, { ...home, type: 'new' }], 1]]) {
    const found = forgotten(there, met);
    expect(found.length === findings, `${JSON.stringify(met)} leads to: ${found.join('; ')}`);
  }
}
