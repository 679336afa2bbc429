// SPDX-License-Identifier: BSD-2-Clause
// Instant replay: walks a timeline's position in slow motion.  Each step takes
// half a second at least, and 2.2 s at most, so it is not to scale, and says so.
// Who asked for less motion sees step after step, and nothing between.

import { isCalm } from './dom.js';

const SLOWER = 1000, LEAST_MS = 500, MOST_MS = 2200, TRAVEL_MS = 800;

// How long each event's way from the one before takes, in real ms.
export function pace(story) {
  return story.events.map((event, i) => {
    const gap = i === 0 ? 0 : event.key - story.events[i - 1].key;
    return Math.min(MOST_MS, Math.max(LEAST_MS, gap * SLOWER / 1e6)) + TRAVEL_MS;
  });
}

export class Replay {
  // `onMove(position)` at each frame; `onEnd(finished)` once.
  constructor(timeline, onMove, onEnd) {
    Object.assign(this, { timeline, onMove, onEnd, frame: 0, runs: false });
  }

  start() {
    const { timeline } = this;
    const times = pace(timeline.story);
    const calm = isCalm();
    let before = null, i = 0, spent = 0;
    this.stop();
    this.runs = true;
    const tick = (now) => {
      spent += before === null ? 0 : Math.min(100, now - before);
      before = now;
      while (i < times.length && spent >= times[i])
        spent -= times[i++];
      timeline.go(i + (i < times.length && !calm ? spent / times[i] : 0));
      this.onMove(timeline.position);
      if (i < times.length)
        this.frame = requestAnimationFrame(tick);
      else
        this.finish(true);
    };
    this.frame = requestAnimationFrame(tick);
  }

  // One event on, or back, from wherever it is.
  step(by) {
    this.stop();
    const { position } = this.timeline;
    this.timeline.go(by > 0 ? Math.floor(position) + 1
      : Math.ceil(position) - 1);
  }

  finish(finished) {
    this.runs = false;
    this.onEnd(finished);
  }

  stop() {
    cancelAnimationFrame(this.frame);
    if (this.runs)
      this.finish(false);
  }
}
