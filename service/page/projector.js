// SPDX-License-Identifier: BSD-2-Clause
// The projector: one stage fills the screen, in letters that are read from the
// back row (style.css, [data-stage]).  PageUp and PageDown, which a presenter's
// clicker sends, go from stage to stage.

import { $, make } from './dom.js';
import { t } from './i18n.js';

const STAGES = ['setup', 'class', 'outcome', 'why', 'both', 'orders',
  'compare'];
const root = document.documentElement;
const KEPT = 'turnstile-stage';
const LEAVING_MS = 300;

export class Projector {
  // `onToggle()` when it went on or off.
  constructor(onToggle) {
    this.onToggle = onToggle;
    $('projector').hidden = false;
    $('projector').addEventListener('click', () => {
      this.toggle();
      this.keep();
    });
    document.addEventListener('keydown', (event) => this.key(event));
    document.addEventListener('fullscreenchange', () => {
      if (document.fullscreenElement || !this.isOn)
        return;
      this.toggle();
      // A reload leaves the full screen as well, and then goes on with it.
      setTimeout(() => this.keep(), LEAVING_MS);
    });
    // What a stage has to show comes and goes.
    const seen = new MutationObserver(() => this.drawButtons());
    for (const id of STAGES)
      seen.observe($(id), { attributeFilter: ['hidden'] });
    this.draw();
  }

  get isOn() {
    return root.dataset.stage !== undefined;
  }

  toggle() {
    if (this.isOn) {
      delete root.dataset.stage;
      if (document.fullscreenElement)
        document.exitFullscreen().catch(() => {});
    } else {
      root.dataset.stage = !$('why').hidden ? 'why'
        : $('class-live').hidden ? 'setup' : 'class';
      root.requestFullscreen?.().catch(() => {});
    }
    this.draw();
    this.onToggle();
  }

  // After a reload: the stage that was on, if it is still there.
  resume() {
    try {
      const stage = sessionStorage.getItem(KEPT);
      if (!this.isOn && STAGES.includes(stage))
        root.dataset.stage = [stage, 'outcome', 'setup'].find((id) =>
          !$(id).hidden);
    } catch { /* then it is off */ }
    this.draw();
    this.onToggle();
  }

  // Nothing happens unless it is on.
  go(stage) {
    if (!this.isOn || $(stage).hidden)
      return;
    root.dataset.stage = stage;
    this.keep();
    this.draw();
  }

  key(event) {
    const by = { PageDown: 1, PageUp: -1 }[event.key];
    if (!this.isOn || !by)
      return;
    event.preventDefault();
    const there = STAGES.filter((id) => !$(id).hidden);
    const to = there.indexOf(root.dataset.stage) + by;
    this.go(there[Math.min(there.length - 1, Math.max(0, to))]);
  }

  keep() {
    try {
      sessionStorage.setItem(KEPT, root.dataset.stage ?? '');
    } catch { /* then a reload ends it */ }
  }

  draw() {
    for (const id of STAGES)
      $(id).classList.toggle('on', root.dataset.stage === id);
    $('stages').hidden = !this.isOn;
    $('projector').textContent = t(this.isOn ? 'projectorOff' : 'projector');
    $('projector').setAttribute('aria-pressed', String(this.isOn));
    this.drawButtons();
    scrollTo(0, 0);
  }

  drawButtons() {
    $('stages').replaceChildren(...STAGES.map((id) => make('button',
      { type: 'button', disabled: $(id).hidden, 'data-go': id,
        'aria-current': root.dataset.stage === id ? 'true' : null,
        onclick: () => this.go(id) }, t(`stage.${id}`))));
  }
}
