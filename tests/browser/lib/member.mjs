// What the flows of the marketplace share: a member of it, with a keyboard and no script.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { openPage } from './browser.mjs';
import { choose, follow, pick, tabTo, tick, typeInto } from './keyboard.mjs';
import { arrived, visit } from './look.mjs';

const COMMAND_MS_MAX = 180_000;

/** The command line, as operator and settlement agent use it at their own desks. */
export function commands(market) {
  return async (...args) => {
    const { stdout } = await promisify(execFile)(market.lonja, ['--dir', market.dir, '--json', ...args], { timeout: COMMAND_MS_MAX });
    return JSON.parse(stdout);
  };
}

/** Opens a page of somebody new: no script, no cookies. `see(state)` looks at what is open, `at(type)` waits for it. */
export async function openVisitor(browser) {
  const page = await openPage(browser, { script: false });
  return { page, at: (type) => arrived(page, type), see: (state) => visit(page, 'market', state) };
}

/** Applies for membership; the page after it is open. Returns the id of the party. */
export async function apply({ page, at }, market, name, contact = '') {
  await page.goto(`${market.market}/apply`);
  await fillRequired(page, { name, country: 'ES' });
  if (contact) await typeInto(page, page.locator('[name=contact]'), contact);
  await follow(page, submit(page));
  await at('applied');
  return new URL(page.url()).pathname.split('/').pop();
}

/** Opens a one-time link and presses its button. */
export async function signIn({ page, at }, link) {
  await page.goto(link);
  await at('sign-in');
  await follow(page, submit(page));
  await at('account');
}

/** A visitor who applied, was admitted with these roles, and has signed in. */
export async function openMember(browser, market, name, ...roles) {
  const lonja = commands(market);
  const visitor = await openVisitor(browser);
  const party = await apply(visitor, market, name);
  await lonja('party', 'admit', party, '--role', roles.join(','));
  await signIn(visitor, (await lonja('party', 'link', party)).url);
  return { ...visitor, party, lonja };
}

/** The one button of the main form, or of the form that `inside` finds. */
export const submit = (page, inside = 'main') => page.locator(`${inside} form button[type=submit]`);

/** Fills every required field of the form in `inside`: what `values` says, or the first choice. */
export async function fillRequired(page, values, inside = 'main') {
  for (const field of await page.locator(`${inside} form [aria-required="true"]`).all()) {
    const name = await field.getAttribute('name');
    const kind = await field.evaluate((element) => element.tagName.toLowerCase());
    if (kind === 'select') {
      await tabTo(page, field);
      await page.keyboard.press('ArrowDown');
    } else {
      await typeInto(page, field, values[name] ?? 'Example');
    }
  }
  for (const group of await page.locator(`${inside} form fieldset.field`).all()) {
    await tick(page, group.locator('input').first());
  }
}

/** Fills fields by their labels, in the order in which they stand: a text, `true` for a box or a radio button, or `[option]`. */
export async function fill(page, inside, fields) {
  for (const [label, value] of Object.entries(fields)) {
    const field = inside.getByLabel(label, { exact: true });
    if (value === true) await ((await field.getAttribute('type')) === 'radio' ? choose : tick)(page, field);
    else if (Array.isArray(value)) await pick(page, field, value[0]);
    else await typeInto(page, field, value);
  }
}

/** Chooses a file with the keyboard. The wait begins early: Playwright takes a moment to step in for the dialogue. */
export async function chooseFile(page, field, file) {
  const open = async () => {
    await tabTo(page, field);
    await page.keyboard.press('Enter');
  };
  const [chooser] = await Promise.all([page.waitForEvent('filechooser'), open()]);
  await chooser.setFiles(file);
}
