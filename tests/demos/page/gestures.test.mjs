import assert from "node:assert/strict";
import test from "node:test";

import "./dom.mjs";
import { Channel } from "../../../book/web/live/channel.js";
import { Pad } from "../../../book/web/live/pad.js";
import { Puppet } from "../../../book/web/live/puppet.js";
import { Sketch } from "../../../book/web/live/sketch.js";

const at = (pointerId, clientX, clientY, buttons = 1) => ({ pointerId, clientX, clientY, buttons });
const JOINTS = { nose: [10, 10], head: [100, 100] };

/** Each pad as `{node, places}`, places being where it was dragged to. */
function pads() {
  const [squared, pulled, drawn] = [[], [], []];
  const pad = new Pad("x", "y", ["", "", "", ""], { x: 0.5, y: 0.5 }, ({ x }) => squared.push(Math.round(128 * x)));
  const puppet = new Puppet([], (_name, [x]) => pulled.push(x), (name) => (puppet.chosen = name));
  [puppet.joints, puppet.chosen] = [JOINTS, "head"];
  const sketch = new Sketch((strokes) => drawn.push(strokes));
  return { pad: { node: pad.handle, places: squared }, puppet: { node: puppet.node, places: pulled, puppet },
    sketch: { node: sketch.node, places: drawn, sketch } };
}

test("a second finger, or a palm, changes nothing", () => {
  const { pad, puppet, sketch } = pads();
  for (const { node, places } of [pad, puppet, sketch]) {
    node.fire("pointerdown", at(1, 20, 20));
    const before = places.length;
    node.fire("pointerdown", at(2, 90, 90));
    node.fire("pointermove", at(2, 91, 91));
    node.fire("pointerup", at(2, 91, 91));
    assert.equal(places.length, before);
    node.fire("pointermove", at(1, 40, 20));
    assert.equal(places.length, before + 1, "the first goes on");
    node.fire("pointerup", at(1, 40, 20));
    node.fire("pointermove", at(1, 60, 20));
    assert.equal(places.length, before + 1, "and ends when it is lifted");
  }
  assert.equal(puppet.puppet.chosen, "nose");
  assert.deepEqual(sketch.sketch.strokes, [[[20, 20], [40, 20]]]);
});

test("a drag that the browser takes over ends, and the next finger draws", () => {
  const { sketch: { node, sketch } } = pads();
  node.fire("pointerdown", at(1, 20, 20));
  node.fire("pointercancel", at(1, 20, 20));
  assert.equal(sketch.down, false);
  node.fire("pointerdown", at(2, 50, 50));
  assert.deepEqual(sketch.strokes, [[[20, 20]], [[50, 50]]]);
});

test("a pointer that went without a word does not lock the pad", () => {
  const { pad: { node, places } } = pads();
  node.fire("pointerdown", at(1, 20, 20));
  node.captured.clear();
  node.fire("pointerdown", at(2, 60, 20));
  assert.equal(places.length, 2);
  node.fire("pointermove", at(2, 80, 20, 0));
  assert.equal(places.length, 2, "no button is down");
  node.fire("pointerdown", at(2, 90, 20));
  assert.equal(places.length, 3);
});

test("keys that belong to the browser are left to it", () => {
  const { pad, puppet, sketch } = pads();
  const painted = [];
  const channel = new Channel(0, () => painted.push(1));
  const nodes = [pad.node, puppet.node, sketch.node, channel.node];
  for (const node of nodes) {
    for (const held of ["altKey", "ctrlKey", "metaKey"]) {
      for (const key of ["ArrowLeft", " "]) assert.equal(node.fire("keydown", { key, [held]: true }), false);
    }
    assert.equal(node.fire("keydown", { key: "ArrowLeft", shiftKey: true }), true);
  }
  assert.deepEqual([pad.places.length, puppet.places.length, painted.length], [1, 1, 0]);
  assert.deepEqual([channel.column, sketch.sketch.pen], [7, [56, 64]]);
});
