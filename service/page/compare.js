// SPDX-License-Identifier: BSD-2-Clause
// The table of runs; it lasts as long as the tab.

import { $, make } from './dom.js';
import { t } from './i18n.js';
import { shortTime } from './timeline.js';

const KEY = 'turnstile-runs';
const COLUMNS = ['lock', 'delay', 'tickets', 'buyers', 'predicted', 'sold',
  'waited', 'verdict'];
const NUMBERS = ['tickets', 'buyers', 'predicted', 'sold', 'waited'];

let runs = load();

function load() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY)) ?? [];
  } catch {
    return [];
  }
}

function save() {
  try {
    sessionStorage.setItem(KEY, JSON.stringify(runs));
  } catch { /* then the table is as old as the page */ }
}

// Of those who got a ticket, the longest from the order's arrival to the write
// of its seat, in ns of the service's own clock; null: there are no trails.
export function longestWait(orders) {
  const waits = orders.filter((order) => order.outcome === 'sold' &&
    order.trail?.length > 0).map(({ trail }) =>
    trail.findLast(({ step }) => step === 'write').at_ns - trail[0].at_ns);
  return waits.length > 0 ? Math.max(...waits) : null;
}

function cell(run, name) {
  if (name === 'verdict')
    return make('td', { class: run.verdict === 'correct' ? 'right' : 'wrong',
      'data-head': t('col.verdict') },
      `${run.verdict === 'correct' ? '✓' : '✗'} ${t(`verdict.${run.verdict}`)}`);
  const words = name === 'buyers' && run.buyers === null ? t('classRun')
    : name === 'delay' && run.delay === '0' ? t('delay.0')
      : name === 'waited' && run.waited ? shortTime(run.waited)
        : run[name] ?? '–';
  return make('td', { class: NUMBERS.includes(name) ? 'number-cell' : false,
    'data-head': t(`col.${name}`) }, String(words));
}

export function drawRuns() {
  const head = make('tr', {}, ...COLUMNS.map((name) => make('th',
    { scope: 'col', class: NUMBERS.includes(name) ? 'number-cell' : false },
    t(`col.${name}`))));
  const rows = runs.map((run) => make('tr', {},
    ...COLUMNS.map((name) => cell(run, name))));
  $('runs').replaceChildren(make('thead', {}, head), make('tbody', {}, ...rows));
  $('runs').hidden = runs.length === 0;
  $('no-runs').hidden = runs.length > 0;
}

// A run with the `id` of one that is there takes its line.
export function addRun(run) {
  const at = runs.findIndex((old) => run.id && old.id === run.id);
  runs = at < 0 ? [...runs, run].slice(-50) : runs.with(at, run);
  save();
  drawRuns();
}
