// What somebody does who has only a keyboard. Nothing here clicks, and nothing needs script.

import { expect } from './runner.mjs';

const TABS_MAX = 200;
const PICKS_MAX = 5;

/**
 * Presses Tab until the element that `locator` names has the focus, and checks that a person would
 * see where they are.
 */
export async function tabTo(page, locator) {
  await locator.waitFor({ state: 'visible' });
  for (let tabs = 0; tabs < TABS_MAX; tabs += 1) {
    if (await locator.evaluate((element) => element === document.activeElement)) {
      const visible = await locator.evaluate((element) => {
        const style = getComputedStyle(element);
        return (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== 'none';
      });
      expect(visible, `${page.url()}: the focus cannot be seen on ${locator}`);
      return;
    }
    await page.keyboard.press('Tab');
  }
  throw new Error(`${page.url()}: ${TABS_MAX} tabs do not reach ${locator}`);
}

/** Goes to a field and types into it, replacing what it holds. */
export async function typeInto(page, locator, text) {
  await tabTo(page, locator);
  await page.keyboard.press('Control+a');
  await page.keyboard.type(text);
}

/**
 * Goes to a select and picks the option that begins with `text`. A browser that is held up between two letters takes
 * the second for the beginning of another word; whoever types sees that, and begins again.
 */
export async function pick(page, locator, text) {
  await tabTo(page, locator);
  let chosen = '';
  for (let tries = 0; tries < PICKS_MAX; tries += 1) {
    if (tries > 0) {
      // Longer than a browser remembers what was typed before.
      await page.waitForTimeout(2_000);
      await page.keyboard.press('Home');
      await page.waitForTimeout(2_000);
    }
    await page.keyboard.type(text);
    chosen = await locator.evaluate((select) => select.selectedOptions[0]?.text.trim() ?? '');
    if (chosen.startsWith(text)) return;
  }
  throw new Error(`${page.url()}: typing ${text} chooses ${chosen}`);
}

/** Goes to a checkbox or radio button and presses space unless it is set already. */
export async function tick(page, locator) {
  await tabTo(page, locator);
  if (!(await locator.isChecked())) await page.keyboard.press('Space');
  expect(await locator.isChecked(), `${locator} did not take the space bar`);
}

/** Goes to the group of a radio button and presses the arrow until this one is set. */
export async function choose(page, radio) {
  const name = await radio.getAttribute('name');
  const group = radio.locator('xpath=ancestor::form').locator(`input[type=radio][name="${name}"]`);
  const set = group.and(page.locator(':checked'));
  const first = (await set.count()) > 0 ? set : group.first();
  await tabTo(page, first);
  await page.keyboard.press('Space');
  for (let presses = await group.count(); presses > 0 && !(await radio.isChecked()); presses -= 1) await page.keyboard.press('ArrowDown');
  expect(await radio.isChecked(), `the arrows do not reach ${radio}`);
}

/** Goes to a link or button, presses Enter, and waits for the page that it leads to. */
export async function follow(page, locator) {
  await tabTo(page, locator);
  await enter(page);
}

/**
 * Presses Enter where the focus is, and waits for the page that it leads to. The wait begins before
 * the key is pressed: the page that is open has loaded already, so asking afterwards for a loaded
 * page is answered at once, with the old one.
 */
export async function enter(page) {
  await Promise.all([page.waitForEvent('load'), page.keyboard.press('Enter')]);
}

/**
 * Goes to a link or button that starts a download, presses Enter, and returns the download. A page that comes instead
 * must say that nobody could say yes in time: then it goes back and asks again.
 */
export async function download(page, locator) {
  const deadline = Date.now() + 60_000;
  for (;;) {
    await tabTo(page, locator);
    const comes = [page.waitForEvent('download'), page.waitForEvent('load').then(() => undefined)];
    // Where one of them comes, nobody waits for the other any more.
    for (const one of comes) one.catch(() => undefined);
    await page.keyboard.press('Enter');
    const started = await Promise.race(comes);
    if (started) return started;
    const said = await page.locator('main').innerText();
    expect(/Nobody could say yes|not decided yet|Too much at once/i.test(said) && Date.now() < deadline, `${page.url()} instead of a download: ${said}`);
    await page.goBack();
  }
}
