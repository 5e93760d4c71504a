/** What pads have in common: one pointer at a time, and keys that belong to the browser. */

/**
 * Dragging by the pointer that began it. A second finger, or a palm, changes nothing until the first is lifted.
 * @param {HTMLElement} node
 * @param {{begin: (event: PointerEvent) => void, go: (event: PointerEvent) => void, end?: () => void}} parts
 */
export function dragged(node, { begin, go, end = () => {} }) {
  /** @type {number | null} */
  let pointer = null;
  node.addEventListener("pointerdown", (event) => {
    const other = pointer !== null && pointer !== event.pointerId;
    if (other && node.hasPointerCapture(pointer)) return; // without a capture it is gone, and nobody said so
    pointer = event.pointerId;
    node.setPointerCapture(pointer);
    begin(event);
  });
  node.addEventListener("pointermove", (event) => event.pointerId === pointer && event.buttons && go(event));
  for (const kind of ["pointerup", "pointercancel"]) {
    node.addEventListener(kind, (event) => {
      if (event.pointerId !== pointer) return;
      pointer = null;
      end();
    });
  }
}

/** Whether a key is the browser's own, as Alt and an arrow, which goes back a page. @param {KeyboardEvent} event */
export const browsers = ({ altKey, ctrlKey, metaKey }) => altKey || ctrlKey || metaKey;
