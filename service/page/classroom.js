// SPDX-License-Identifier: BSD-2-Clause
// What the projector shows of a class: where telephones go, what they predict,
// what they were told.

import { $, make } from './dom.js';
import { t, tOr } from './i18n.js';

let settled = null; // the address that was chosen

const isLocal = (host) => /^(localhost|127\.|\[::1\]|0\.0\.0\.0)/.test(host);

// Where telephones reach the service: as this page does, or as the service
// says.  None: nowhere.
export function addressesOf(about) {
  const own = isLocal(location.host) ? [] : [location.host];
  return [...new Set([...own, ...about.addresses ?? []])];
}

export function drawAddress(id, about) {
  const all = addressesOf(about);
  if (!all.includes(settled))
    settled = all[0] ?? location.host;
  const link = `${location.protocol}//${settled}/#${id}`;
  $('class-address').textContent = `${settled}/#${id}`;
  $('class-address').href = link;
  $('class-qr').src = `/qr.svg?text=${encodeURIComponent(link)}`;
  $('class-others').hidden = all.length < 2;
  $('class-host').replaceChildren(...all.map((host) => make('option',
    { value: host, selected: host === settled }, host)));
  $('class-host').onchange = () => {
    settled = $('class-host').value;
    drawAddress(id, about);
  };
}

// "20 tickets · none · 150 ms": what the class predicts of.
export function drawRound({ tickets, lock, delay }) {
  $('class-round').textContent = t('classRound', { tickets, lock,
    delay: delay === '0' ? t('noDelay')
      : tOr(`delay.${delay}`, delay.replace(/^([0-9.]+)/, '$1 ')) });
}

// The code as large as the screen, and back.
export function enlargeCode(large) {
  $('class-enlarge').classList.toggle('large', large);
  $('class-enlarge').setAttribute('aria-pressed', String(large));
}

// A bar for each prediction; the one that came true is marked.
function drawSpread(notes, sold) {
  const bars = notes.spread();
  const most = Math.max(1, ...bars.map((bar) => bar.n));
  $('class-spread').replaceChildren(...bars.map(({ from, to, n }) => {
    const height = make('i', { class: 'column' });
    height.style.height = `${100 * n / most}%`;
    const right = sold !== null && from <= sold && sold <= to;
    const value = to === Infinity ? `${from}+` : from === to ? String(from)
      : `${from}–${to}`;
    return make('li', { class: right ? 'right' : false,
      'aria-label': t('spreadBar', { n, value }) },
    make('b', {}, `${right ? '✓ ' : ''}${n || ''}`),
    make('span', { class: 'pillar' }, height),
    make('span', { class: 'bin' }, value));
  }));
}

export function drawNotes(notes, sold) {
  const here = notes.here.size, predicted = notes.guesses.size;
  $('class-state').textContent = t('classHere', { n: here });
  $('class-predicted').textContent = t('classPredicted', { n: predicted });
  drawSpread(notes, sold);
  const told = { sold: notes.toldCount('sold'),
    refused: notes.toldCount('refused'), busy: notes.toldCount('busy') };
  $('told').textContent = notes.told.size === 0 ? ''
    : t('told', { ...told, n: notes.told.size }) +
      (told.busy > 0 ? t('toldBusy', { n: told.busy }) : '');
}
