// SPDX-License-Identifier: BSD-2-Clause
// Prediction and outcome side by side, and the audit's verdict in words.

import { $, make } from './dom.js';
import { t } from './i18n.js';

// A class's prediction is that of most: the median of `guesses`.
function showGuess(guess, guesses) {
  $('guess-n').textContent = (guesses ? guesses.median() : guess) ?? '–';
  $('guess-label').textContent = t(guesses ? 'predictedMedian' : 'predicted');
  $('guess-n').parentElement.hidden = Boolean(guesses) &&
    guesses.median() === null;
}

export function showRunning(settings, guess, guesses = null) {
  $('outcome').hidden = false;
  $('verdict').hidden = true;
  $('remarks').replaceChildren();
  $('there-n').textContent = settings.tickets;
  showGuess(guess, guesses);
  $('sold-n').textContent = 0;
  $('bar-receipts').classList.remove('agree');
}

export function showSold(sold) {
  $('sold-n').textContent = sold;
}

// "worker 1 served everybody", of those whose worker is known; else null.
function onlyWorker(orders) {
  const workers = new Set(orders.map((order) => order.worker)
    .filter((worker) => worker));
  return workers.size === 1 ? [...workers][0] : null;
}

function strategyTable(strategies) {
  const head = ['under', 'receipts', 'seatsTwice', 'verdict'];
  return make('table', {},
    make('tr', {}, ...head.map((key) => make('th', {}, t(key)))),
    ...strategies.map((s) => make('tr', {}, make('td', {}, s.lock),
      make('td', {}, String(s.receipts)), make('td', {}, String(s.seats_twice)),
      make('td', { class: s.wrong ? 'wrong' : 'right' },
        t(s.wrong ? 'wrong' : 'correct')))));
}

export function showVerdict({ audit, orders, guesses = null }, locks, guess) {
  const facts = locks.find((lock) => lock.name === audit.lock);
  const say = t(`say.${audit.verdict}`, { ...audit, twice: audit.seats_twice });
  $('verdict').hidden = false;
  $('verdict').className = `verdict ${audit.wrong ? 'wrong' : 'right'}`;
  $('verdict').replaceChildren(make('b', {}, t(`verdict.${audit.verdict}`)),
    say);
  showGuess(guess, guesses);
  showSold(audit.tickets);
  $('bar-receipts').classList.toggle('agree', !audit.wrong);

  const remarks = [];
  if (guess !== null && !guesses)
    remarks.push(guess === audit.tickets ? t('guessRight')
      : t('guessWrong', { guess, sold: audit.tickets }));
  const count = (outcome) => orders.filter((order) =>
    order.outcome === outcome).length;
  if (count('refused') > 0)
    remarks.push(t('refused', { n: count('refused') }));
  if (count('failed') > 0)
    remarks.push(t('gaveUp', { n: count('failed') }));
  const worker = onlyWorker(orders);
  if (!audit.wrong && facts?.excludes_threads && !facts.excludes_processes &&
      worker !== null)
    remarks.push(t('oneWorker', { worker }));
  else if (!audit.wrong && facts && !facts.safe)
    remarks.push(t('unsafeLuck', { lock: audit.lock }));
  $('remarks').replaceChildren(make('p', {}, remarks.join(' ')),
    ...audit.strategies.length > 1 ? [strategyTable(audit.strategies)] : []);
}
