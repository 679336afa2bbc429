// SPDX-License-Identifier: BSD-2-Clause
// The hall: a cell for each seat, and what the counter says beside what the
// receipts say.

import { make } from './dom.js';
import { t, listOf } from './i18n.js';
import { nameOf } from './tell.js';

const CELLS_MOST = 500, NAMES_MOST = 24;

export class Hall {
  constructor(list, counterBar, receiptBar, verdict) {
    Object.assign(this, { list, counterBar, receiptBar, verdict });
    this.reset(0);
  }

  reset(capacity) {
    this.capacity = capacity;
    this.owners = new Map(); // seat → names
    this.receipts = 0;
    this.remaining = capacity;
    this.version = 0;
    const shown = Math.min(capacity, CELLS_MOST);
    this.cells = Array.from({ length: shown }, (_, i) =>
      make('li', { class: 'seat', 'data-seat': i + 1 }));
    this.list.replaceChildren(...this.cells);
    if (capacity > shown)
      this.list.append(make('li', { class: 'seat-more' },
        t('hallMore', { n: capacity - shown })));
    this.list.dataset.size = capacity <= 4 ? 'huge' : capacity <= NAMES_MOST
      ? 'large' : capacity <= 120 ? 'middle' : 'small';
    this.cells.forEach((_, i) => this.drawSeat(i + 1));
    this.drawBars();
  }

  // A receipt, from a buy's answer or the ledger.
  add(receipt) {
    this.receipts += receipt.seats.length;
    if (receipt.version >= this.version) {
      this.version = receipt.version;
      this.remaining = receipt.remaining;
    }
    for (const seat of receipt.seats) {
      if (!this.owners.has(seat))
        this.owners.set(seat, []);
      this.owners.get(seat).push(nameOf(receipt));
      this.drawSeat(seat);
    }
    this.drawBars();
  }

  // What GET /sales/{id} or a recount says.
  setCounter(remaining, version) {
    if (version >= this.version) {
      this.remaining = remaining;
      this.version = version;
      this.drawBars();
    }
  }

  drawSeat(seat) {
    const cell = this.cells[seat - 1];
    const names = this.owners.get(seat) ?? [];
    if (!cell)
      return;
    const args = { seat, n: names.length, names: listOf(names.slice(0, 12)) };
    const words = t(names.length === 0 ? 'seatFree'
      : names.length === 1 ? 'seatSold' : 'seatTwice', args);
    cell.className = `seat ${['free', 'sold'][names.length] ?? 'twice'}`;
    cell.setAttribute('aria-label', words);
    cell.title = words;
    cell.replaceChildren(make('span', { class: 'seat-number' }, String(seat)));
    if (names.length > 1)
      cell.append(make('b', { class: 'seat-count' }, `×${names.length}`));
    if (this.capacity <= NAMES_MOST && names.length > 0)
      cell.append(make('span', { class: 'seat-names' },
        names.slice(0, 8).join(' · ') + (names.length > 8 ? ' …' : '')));
  }

  drawBars() {
    const counted = this.capacity - this.remaining;
    const most = Math.max(this.capacity, this.receipts, counted, 1);
    const draw = (bar, sold, words) => {
      bar.querySelector('.fill').style.width = `${100 * sold / most}%`;
      bar.querySelector('.limit').style.left = `${100 * this.capacity / most}%`;
      bar.querySelector('.says').textContent = words;
    };
    draw(this.counterBar, counted, `${t('soldCount', { n: counted })} · ` +
      t('leftCount', { n: this.remaining }));
    draw(this.receiptBar, this.receipts, t('soldCount', { n: this.receipts }));
    const apart = this.receipts - counted;
    this.verdict.textContent = this.receipts === 0 ? t('noRun')
      : apart === 0 ? t('agree') : t('differ', { n: Math.abs(apart) });
    this.verdict.className = apart === 0 ? 'bars-verdict' : 'bars-verdict apart';
  }

  redraw() {
    this.cells.forEach((_, i) => this.drawSeat(i + 1));
    this.drawBars();
  }
}
