/* Which class a place has in a mode: positions in the mode's list of classes. */

const UNASSIGNED = 1;
const UNPATROLLED = 2;
const NEGLECTED = 4;

const within = (value, ends) => ends.findIndex((end) => end === null || value <= end);

const of = {
  fresh: (places, i) => places.fresh[i],
  share: (places, i, ends) => (places.share[i] < 0 ? -1 : within(places.share[i] / 1000, ends.share)),
  times: (places, i, ends) => within(places.times[i], ends.times),
  duty: (places, i) => places.held[i],
  gap: (places, i) => {
    const gaps = places.gaps[i];
    return gaps & UNASSIGNED ? 3 : gaps & NEGLECTED ? 2 : gaps & UNPATROLLED ? 1 : 0;
  },
};

export const classify = (mode, places, i, ends) => of[mode.key](places, i, ends);

const KINDS = { uncovered: "unpatrolled", neglected: "neglected", unassigned: "unassigned" };

/* Whether a look's stretches are of a kind of gap that is asked for; none named: all. Freshness is no kind. */
export function isWanted({ kinds }, look) {
  const kind = KINDS[look.class];
  return look.key === "uncovered" || !kind || !kinds.length || kinds.includes(kind);
}

/* Townships: how much of their lines was walked, or is somebody's; in the looks of the mode for it. */
export const townMode = ({ key }, modes) =>
  modes.find((one) => one.key === (key === "duty" || key === "gap" ? "duty" : "share"));

export function townClass(mode, areas, i, { modes, ends }) {
  const { key, classes } = townMode(mode, modes);
  if (key === "duty") {
    const free = areas.unassigned[i];
    return free < 0 ? null : classes[free > 950 ? 0 : free > 0 ? 1 : 2];
  }
  return areas.share[i] < 0 ? null : classes[within(areas.share[i] / 1000, ends.share)];
}
