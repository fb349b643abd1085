// Looks at the page that is open: wide and narrow, with the eyes of axe, and for whoever wants to
// see for themselves as a picture.

import { mkdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { openPage } from './browser.mjs';
import { form } from './crawl.mjs';
import { expect } from './runner.mjs';

const WIDTHS = { desktop: { width: 1280, height: 800 }, phone: { width: 360, height: 740 } };
const axeSource = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Pages that were looked at: `{ site, type, path }`. */
export const seen = [];

/** Links that lead from them to the other site, one of each form. */
export const abroad = new Map();

/** The page's type, which every page says in `<body data-page="TYPE">`. */
export const pageType = (page) => page.locator('body').getAttribute('data-page');

/** Waits until the open page is of this type. A page says its type once, in the HTML that the server sent. */
export async function arrived(page, type) {
  const found = page.locator(`body[data-page="${type}"]`);
  await found.waitFor({ state: 'attached' }).catch(async () => {
    throw new Error(`expected the page '${type}', not '${await pageType(page)}' (${page.url()})`);
  });
}

/**
 * Checks the open page at both widths: nothing scrolls sideways, axe finds nothing serious, nothing
 * went wrong behind the page. With `name` a picture is taken as well.
 */
export async function look(page, name) {
  if (!page.script) return lookAtTwin(page, name);
  const found = [];
  for (const [width, size] of Object.entries(WIDTHS)) {
    await page.setViewportSize(size);
    for (const finding of [...(await sidewaysScroll(page)), ...(await axeFindings(page))]) found.push(`${width}: ${finding}`);
    if (name) await picture(page, `${name}-${width}`);
  }
  found.push(...page.troubles.splice(0));
  expect(found.length === 0, `${page.url()}\n${found.join('\n')}`);
}

/**
 * axe needs timers, which stand still where script is off. So the same HTML, with the same cookies,
 * is put before a page that has script; nothing is asked of the server but its style sheets.
 */
async function lookAtTwin(page, name) {
  const context = await page.context().browser().newContext({ storageState: await page.context().storageState() });
  try {
    const twin = await openPage(null, { reuse: context });
    const body = await page.content();
    // What is asked of a server has no fragment.
    await twin.route(page.url().split('#')[0], (route) => route.fulfill({ contentType: 'text/html; charset=utf-8', body }));
    await twin.goto(page.url(), { waitUntil: 'load' });
    twin.troubles.push(...page.troubles.splice(0));
    await look(twin, name);
  } finally {
    await context.close();
  }
}

/**
 * Looks at the open page under its own type, and notes that it was seen. With `state` its picture is
 * called so too, beside that of the type.
 */
export async function visit(page, site, state) {
  const type = await pageType(page);
  const here = new URL(page.url());
  seen.push({ site, type, path: here.pathname });
  for (const href of await page.locator('a[href]').evaluateAll((all) => all.map((link) => link.getAttribute('href')))) {
    const link = new URL(href, here);
    if (link.hostname === here.hostname && link.origin !== here.origin) abroad.set(`${site}/${type} to ${form(link)}`, link.href);
  }
  await look(page, [`${site}/${type}`, state].filter(Boolean).join('-'));
}

async function sidewaysScroll(page) {
  const wide = await page.evaluate(() => {
    const room = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= room) return null;
    const culprits = [...document.body.querySelectorAll('*')]
      .filter((element) => element.getBoundingClientRect().right > room + 1)
      .map((element) => element.tagName.toLowerCase() + (element.className ? `.${element.className}` : ''));
    return { room, width: document.documentElement.scrollWidth, culprits: [...new Set(culprits)].slice(0, 5) };
  });
  return wide ? [`scrolls sideways: ${wide.width} px in ${wide.room} px, because of ${wide.culprits.join(', ')}`] : [];
}

async function axeFindings(page) {
  await page.evaluate(axeSource);
  const violations = await page.evaluate(async () => {
    const result = await globalThis.axe.run(document, { resultTypes: ['violations'] });
    return result.violations.map(({ id, impact, help, nodes }) => ({ id, impact, help, where: nodes.slice(0, 3).map((node) => node.target.join(' ')) }));
  });
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, impact, help, where }) => `axe, ${impact}: ${help} (${id}) at ${where.join('; ')}`);
}

async function picture(page, name) {
  const folder = process.env.LONJA_SHOTS;
  if (!folder) return;
  await mkdir(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name.replaceAll(/[^a-z0-9-]+/gi, '-')}.png`), fullPage: true });
}
