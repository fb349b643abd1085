// What pages there are, read from the sources that serve them, so that a new page cannot be
// forgotten: each type of page and each address must be met by the crawl or by a flow.
//
// `pages.json` says for each site where its sources lie, which templates only serve others, and
// which addresses answer with something else than a page, each with its reason.

import { readFile, readdir } from 'node:fs/promises';
import { expect } from './runner.mjs';

const top = new URL('../../../', import.meta.url);
const ROUTE = /\.route\(\s*"([^"]+)"\s*,\s*([^\n]*)/g;
const LIST_WORDS = /fn word\(self\)[^{]*\{([^]*?)\n {4}\}/;

/**
 * Returns `{ types, routes }` of a site: the types that its pages say in `<body data-page>`, and the
 * addresses, such as `/block/{id}`, that answer GET with a page.
 */
export async function declared({ sources, templates, parts, others, types: typeOf, lists }) {
  const rust = await texts(sources, /^(?!.*(?:tests|samples)).*\.rs$/);
  const types = new Set((await names(templates, /\.html$/)).filter((name) => !parts.includes(name)).map((name) => name.replaceAll('_', '-')));
  for (const word of matches(rust, new RegExp(typeOf, 'g'))) types.add(word);
  const routes = new Set([...rust.matchAll(ROUTE)].filter(([, , handlers]) => /\bget\(/.test(handlers)).map(([, path]) => path));
  if (lists) {
    const [, words] = LIST_WORDS.exec(await readFile(new URL(lists, top), 'utf8')) ?? [];
    expect(words, `${lists} no longer has the words of the lists: say in tests/browser/lib/pages.mjs where they are`);
    for (const word of matches(words, /"([a-z-]+)"/g)) {
      types.add(word);
      routes.add(`/${word}`);
    }
  }
  const gone = Object.keys(others).filter((path) => !routes.has(path));
  expect(gone.length === 0, `pages.json has addresses that are no more: ${gone.join(', ')}`);
  for (const path of Object.keys(others)) routes.delete(path);
  return { types: [...types], routes: [...routes] };
}

/** What is wrong with a list of pages that were looked at, `{ type, path }`: what is missing, and what is unknown. */
export function forgotten({ types, routes }, met) {
  return [
    ...types.filter((type) => !met.some((one) => one.type === type)).map((type) => `the type '${type}' was never looked at: let a flow visit it`),
    ...routes.filter((route) => !met.some(({ path }) => fits(route, path))).map((route) => `the address ${route} was never looked at: let a flow visit it`),
    ...[...new Set(met.map(({ type }) => type))].filter((type) => !types.includes(type)).map((type) => `no source declares the type '${type}'`),
  ];
}

/** Whether `path` is an address of the form `route`. */
function fits(route, path) {
  const form = route.split(/\{[^}]+\}/).map((part) => part.replaceAll(/[.*+?^$()|[\]\\]/g, '\\$&')).join('[^/]+');
  return new RegExp(`^${form}$`).test(path);
}

/** The first group of every match. What matches nothing is no longer written so, and would hide a page. */
function matches(text, pattern) {
  const found = [...text.matchAll(pattern)].map(([, word]) => word);
  expect(found.length > 0, `no source has ${pattern}: pages.json must say how pages are declared now`);
  return found;
}

async function names(folder, wanted) {
  const all = await readdir(new URL(folder, top));
  return all.filter((name) => wanted.test(name)).map((name) => name.replace(wanted, ''));
}

async function texts(folder, wanted) {
  const all = await readdir(new URL(folder, top), { recursive: true });
  const files = all.filter((name) => wanted.test(name)).map((name) => readFile(new URL(`${folder}${name}`, top), 'utf8'));
  return (await Promise.all(files)).join('\n');
}
