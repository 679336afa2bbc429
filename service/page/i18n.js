// SPDX-License-Identifier: BSD-2-Clause
// Which language, and a text in it.  Elements with data-t get their text here.

import { words } from './words.js';

let language = navigator.language.toLowerCase().startsWith('zh') ? 'zh' : 'en';
const listeners = [];

export function getLanguage() {
  return language;
}

function hasText(key) {
  return key in words[language];
}

const HAN = /^[\u4e00-\u9fff]$/, LATIN = /^[A-Za-z0-9]$/;

// A thin space between a Chinese character and a name in Latin letters.
function spaced(before, value, after) {
  const gap = (one, other) => HAN.test(one ?? '') && LATIN.test(other ?? '')
    ? '\u2009' : '';
  return gap(before, value[0]) + value + gap(after, value.at(-1));
}

// "{n}" is args.n; "{n|seat|seats}" is "1 seat" or "2 seats".
export function t(key, args = {}) {
  const text = words[language][key] ?? words.en[key] ?? key;
  return text.replace(/\{(\w+)(?:\|([^|}]*)\|([^}]*))?\}/g, (found, name, one,
    many, at) => {
    const value = args[name] ?? '';
    if (one === undefined)
      return spaced(text[at - 1], String(value), text[at + found.length]);
    return `${value} ${Number(value) === 1 ? one : many}`;
  });
}

// The text in this language, or what the service says: it may know names that
// these words do not.
export function tOr(key, otherwise) {
  return hasText(key) ? t(key) : otherwise;
}

export function listOf(names) {
  if (names.length < 2)
    return names.join('');
  return t('and', { some: names.slice(0, -1).join(t('comma')),
    last: names.at(-1) });
}

export function translate(root = document) {
  for (const element of root.querySelectorAll('[data-t]'))
    element.textContent = t(element.dataset.t);
  for (const element of root.querySelectorAll('[data-label]'))
    element.setAttribute('aria-label', t(element.dataset.label));
  for (const element of root.querySelectorAll('[data-title]'))
    element.title = t(element.dataset.title);
  for (const element of root.querySelectorAll('[data-alt]'))
    element.alt = t(element.dataset.alt);
}

export function onLanguage(listener) {
  listeners.push(listener);
}

export function setLanguage(name) {
  if (!(name in words))
    return;
  language = name;
  document.documentElement.lang = name === 'zh' ? 'zh-CN' : 'en';
  document.title = t('title');
  translate();
  for (const listener of listeners)
    listener();
}
